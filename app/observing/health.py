"""`/healthz` and `/readyz`: for whoever restarts the process, and for whoever sends it requests."""

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
    """The two routes, open to everybody, and their rows of the policy's table."""

    async def healthz(request: Request) -> Response:
        """The process lives. Asks nobody else: a restart would not bring a database back."""
        if getattr(request.app.state, "is_ending", False):  # so that a proxy sends its requests elsewhere
            return JSONResponse({"status": "ending"}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """The store answers, so that people can log in."""
        try:
            await store.ping()
        except StoreUnavailable as error:
            body = {"status": "unavailable", "reason": error.code}
            return JSONResponse(body, 503, {"Retry-After": str(error.retry_after)})
        if not auth.neighbours.agrees:  # not known yet, or the log tells with whom it does not
            return JSONResponse({"status": "unavailable", "reason": "neighbours"}, 503, {"Retry-After": "5"})
        if not (auth.revocations.is_ready and auth.signing.is_ready):
            return JSONResponse({"status": "unavailable", "reason": "starting"}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ok"})

    routes = [Route(HEALTHZ, healthz), Route(READYZ, readyz)]
    return Covered(routes, tuple(Rule.of_root(route.path, f"health.{route.name}") for route in routes))
