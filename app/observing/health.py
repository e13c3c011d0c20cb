"""Serves `/healthz`, for what restarts the process, and `/readyz`, for what sends it requests."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.auth.errors import StoreUnavailable
from app.auth.policy import Covered, Rule
from app.auth.ports import Store
from app.auth.service import Auth
from app.paths import HEALTHZ, READYZ


def create_health(store: Store, auth: Auth) -> Covered[list[Route]]:
    """Makes the two routes, which are open to everybody, and their rows of the policy's table."""

    async def healthz(request: Request) -> Response:
        """Tells that the process lives. It does not ask the database, which a restart would not bring back."""
        if getattr(request.app.state, "is_ending", False):  # so that a proxy sends its requests elsewhere
            return JSONResponse({"status": "ending"}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """Tells whether the store answers, so that people can log in."""
        try:
            await store.ping()
        except StoreUnavailable as error:
            body = {"status": "unavailable", "reason": error.code}
            return JSONResponse(body, 503, {"Retry-After": str(error.retry_after)})
        if not auth.neighbours.agrees:  # it is not known yet, or the log tells which process differs
            return JSONResponse({"status": "unavailable", "reason": "neighbours"}, 503, {"Retry-After": "5"})
        if not (auth.revocations.is_ready and auth.signing.book.is_ready):
            return JSONResponse({"status": "unavailable", "reason": "starting"}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ok"})

    routes = [Route(HEALTHZ, healthz), Route(READYZ, readyz)]
    return Covered(routes, tuple(Rule.of_root(route.path, f"health.{route.name}") for route in routes))
