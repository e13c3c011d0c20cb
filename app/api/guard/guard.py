"""Applies the policy to every route of the API, before a byte of the body is read and before any code of a team's.

FastAPI runs dependencies after it has parsed the body, so a malformed one would be a 422 where a missing token
must be a 401. Hence a route class and not a dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.convertors import Convertor
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match, Router
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from app.api.errors.faults import bound_faults
from app.api.forms import FormRequest
from app.api.guard.sockets import serve_socket
from app.auth.clock import Clock
from app.auth.errors import AuthError
from app.auth.policy import Policy, decide
from app.scope import CALLER, PRINCIPAL, ROUTE, SAFE_METHODS


class _Waiting(str):
    """A parameter of the path that a team's convertor will convert, once the policy has let the caller in."""

    convertor: Convertor[Any]


class _Later(Convertor[Any]):
    """Puts a team's convertor off: a path is matched before the policy is asked."""

    def __init__(self, convertor: Convertor[Any]) -> None:
        self._convertor = convertor

    def convert(self, value: str) -> _Waiting:
        """Leaves the value as it is, together with what converts it."""
        waiting = _Waiting(value)
        waiting.convertor = self._convertor
        return waiting

    def to_string(self, value: Any) -> str:
        """Writes a value into a path, as the team's convertor does."""
        return self._convertor.to_string(value)


def put_off_convertors(route: Any) -> None:
    """Makes the convertors that a team registered wait for the policy. Starlette's own may go on."""
    for name, one in route.param_convertors.items():
        if type(one).__module__ != Convertor.__module__:
            route.param_convertors[name] = _Later(one)


class Guard(BaseRoute):
    """A route that asks its policy before it does anything else. It is mixed into FastAPI's route classes."""

    policy: Policy
    template: str
    clock: Clock
    methods: set[str]
    #: The beginning of every path that the route answers.
    beginning: str
    #: The template without the names of its parameters: two routes with the same pattern answer the same paths.
    pattern: str

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Matches as any route does, but refuses quickly: each request asks one route after the other."""
        if not scope["path"].startswith(self.beginning):
            return Match.NONE, {}
        return super().matches(scope)

    def admit(self, scope: Scope) -> None:
        """Leaves the caller's `Principal` in the scope, or raises the `AuthError` that refuses the caller."""
        scope[ROUTE] = self.template
        # A WebSocket has no method. Nobody knows yet what will be sent over it, so it counts as a write.
        writes = scope.get("method") not in SAFE_METHODS
        scope[PRINCIPAL] = decide(self.policy, scope[CALLER], self.clock.now(), writes=writes)

    def convert(self, scope: Scope) -> None:
        """Converts the parameters of the path that had to wait for the policy."""
        given = scope.get("path_params", {})
        if any(type(value) is _Waiting for value in given.values()):
            scope["path_params"] = {
                name: value.convertor.convert(str(value)) if type(value) is _Waiting else value
                for name, value in given.items()
            }


class GuardedRoute(Guard):
    """The guard in front of a path operation."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        assert isinstance(self, APIRoute)
        bound_faults(self)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers after the policy. A method that the route does not know is a 405, and no code of a team's runs.

        It is one for everybody, as an unknown path is a 404. A route class that answers HEAD by its GET would
        otherwise answer it for everybody, too; it has to have HEAD among its methods.
        """
        if scope["method"] not in self.methods:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self.methods))})
        self.admit(scope)
        self.convert(scope)
        await super().handle(scope, receive, send)


class TeamRoute(GuardedRoute):
    """The guard in front of a path operation of a team's. It also reads its forms as the pages read theirs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns what answers a request."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = super().get_route_handler()  # type: ignore[misc]

        async def answer(request: Request) -> Response:
            return await handler(FormRequest(request.scope, request.receive))

        return answer


class OwnRoute(GuardedRoute, APIRoute):  # type: ignore[misc]  # Starlette knows routes without methods
    """A path operation of Duet's own routers, made once with its router. `adopt` copies it into every app."""


class GuardedWebSocketRoute(Guard, APIWebSocketRoute):
    """The guard in front of a WebSocket route."""

    methods = {"WEBSOCKET"}  # noqa: RUF012 - never changed

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        bound_faults(self)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Opens the socket for those whom the policy lets in, and denies it to the others."""
        try:
            self.admit(scope)
        except AuthError as error:
            socket = WebSocket(scope, receive, send)
            if "websocket.http.response" in scope.get("extensions", {}):
                await socket.send_denial_response(JSONResponse({"code": error.code}, status_code=403))
            else:
                await socket.close(1008, error.code)
            return
        self.convert(scope)
        await serve_socket(super().handle, scope, receive, send)


class Slashes:
    """What `router` calls for a path that none of its routes answers.

    It leads to the twin of a team's path, with or without a slash at its end, as FastAPI does. FastAPI's own
    redirect would come before the policy, and tell strangers which paths there are. Duet's paths have no twins.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._not_found = router.not_found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with a redirect (RFC 9110 section 15.4.8), or a 404. Raises the `AuthError` of the twin."""
        target = self._twin(scope) if scope["type"] == "http" else None
        if target is None:
            await self._not_found(scope, receive, send)
            return
        # Without a host: it would be the one that the client named.
        query = scope["query_string"].decode("latin-1")
        url = quote(target, safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
        await RedirectResponse(url, 307)(scope, receive, send)

    def _twin(self, scope: Scope) -> str | None:
        """Returns the path that one of the routes answers, if its policy lets the caller in."""
        path: str = scope["path"]
        twin = {**scope, "path": path.rstrip("/") if path.endswith("/") else f"{path}/"}
        for route in self._router.routes:
            match, found = route.matches(twin)
            if match is Match.NONE or isinstance(route, OwnRoute) or not isinstance(route, Guard):
                continue
            if match is Match.FULL:  # else it is a 405 for everybody, after the redirect
                scope[ROUTE] = route.template
                route.admit({**twin, **found})
            return str(twin["path"])
        return None
