"""Applies the policy to every route of the API, before a byte of the body is read.

FastAPI runs dependencies after it has parsed the body, so a malformed one would be a 422 where a missing token
must be a 401. Hence a route class and not a dependency. Routers are included eagerly: what is in the table at the
start is what is served, and a route that somebody adds to a router later is served by nobody.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from app.api.fastapi_names import (
    FormLimits,
    RouteContext,
    add_operation,
    has_beginning,
    iter_route_contexts,
    last_routes,
    make_websocket_route,
    with_form_limits,
    with_included,
)
from app.api.faults import bound_faults
from app.api.sockets import serve_socket
from app.auth.clock import Clock
from app.auth.errors import AuthError
from app.auth.policy import Policy, PolicyError, Rule, decide, policy_of
from app.bodies import marked_limit
from app.scope import CALLER, PRINCIPAL, ROUTE, SAFE_METHODS


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


class _GuardedRoute(Guard):
    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        assert isinstance(self, APIRoute)
        bound_faults(self)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A method that the route does not know is a 405 for everybody, as an unknown path is a 404.
        if scope["method"] in self.methods:
            self.admit(scope)
        await super().handle(scope, receive, send)


class OwnRoute(_GuardedRoute, APIRoute):  # type: ignore[misc]  # Starlette knows routes without methods
    """A path operation of Duet's own routers, made once with its router. `adopt` copies it into every app."""


class _GuardedWebSocketRoute(Guard, APIWebSocketRoute):
    methods = {"WEBSOCKET"}  # noqa: RUF012 - never changed

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self.admit(scope)
        except AuthError as error:
            socket = WebSocket(scope, receive, send)
            if "websocket.http.response" in scope.get("extensions", {}):
                await socket.send_denial_response(JSONResponse({"code": error.code}, status_code=403))
            else:
                await socket.close(1008, error.code)
            return
        await serve_socket(super().handle, scope, receive, send)


def include(api: FastAPI, router: APIRouter, *, prefix: str, clock: Clock) -> list[Rule]:
    """Adds each route of `router` to `api`, guarded by the policy that its endpoint carries.

    Args:
        api: what serves the routes.
        router: the routes, including those of the routers that it includes.
        prefix: where `api` is mounted, for messages, the log and the table.
        clock: tells how long ago a password was proven.

    Returns:
        A row of the table for each route.

    Raises:
        PolicyError: a marker does not reach its endpoint, two routes answer the same call, or something is neither
            a path operation nor a WebSocket route, so that no policy would cover it.
    """
    _refuse_what_is_not_copied(router)
    return [
        _cover(
            api, _add(api, context, prefix, limits), context.endpoint, path=f"{prefix}{context.path}", clock=clock
        )
        for context, limits in with_form_limits(router)
    ]


def adopt(api: FastAPI, router: APIRouter, *, prefix: str, clock: Clock) -> list[Rule]:
    """Does the same for one of Duet's own routers, each of whose routes is an `OwnRoute`.

    FastAPI takes a thousand times as long to make a route as to copy one. Each copy has its own policy and clock.
    What the copies share is never changed.
    """
    rules = []
    for route in router.routes:
        assert isinstance(route, OwnRoute)
        own = copy.copy(route)
        api.router.routes.append(own)
        rules.append(_cover(api, own, own.endpoint, path=f"{prefix}{own.path}", clock=clock))
    return rules


def _cover(api: FastAPI, route: Guard, endpoint: Any, *, path: str, clock: Clock) -> Rule:
    """Puts the policy of `endpoint` before `route`, which `api` has already. Returns its row of the table."""
    route.template = path
    route.beginning = path.partition("{")[0]
    route.pattern = re.sub(r"\{[^{}:]+", "{", path)
    route.clock = clock
    methods = tuple(sorted(route.methods))
    name = f"{'/'.join(methods)} {path}"
    route.policy = policy_of(endpoint, name=name)
    _refuse_duplicates(api, route, name)
    return Rule("api", path, methods, _name_of(endpoint), route.policy)


def _add(api: FastAPI, context: RouteContext, prefix: str, form_limits: FormLimits) -> Guard:
    original = context.original_route
    path, endpoint = context.path, context.endpoint
    if path is None or endpoint is None or not isinstance(original, APIRoute | APIWebSocketRoute):
        where = f"{prefix}{path}" if path else f"host {getattr(original, 'host', original)}"
        raise PolicyError(
            f"{where}: a {type(original).__name__} can't be protected. Routers in Duet take path operations "
            "such as @router.get and @router.websocket."
        )
    if isinstance(original, APIWebSocketRoute):
        route = make_websocket_route(_GuardedWebSocketRoute, context, api)
        api.router.routes.append(route)
        return route
    changed: dict[str, Any] = {"form_limits": form_limits or None}
    marked = marked_limit(endpoint, name=f"{prefix}{path}")
    if marked is not None:
        # A text in a form may be as large as the form, as on a page.
        usual = {
            "max_fields": marked.max_fields,
            "max_files": marked.max_fields,
            "max_part_size": marked.max_bytes,
        }
        changed = {"form_limits": usual | form_limits, "max_body_size": marked.max_bytes}
    added = add_operation(api.router, context, _guarded(type(original)), **changed)
    assert isinstance(added, Guard)
    return added


def _guarded(route_class: type[APIRoute]) -> type[APIRoute]:
    """Returns a team's own route class with the guard in front, so that the class keeps its behaviour."""
    return type(f"Guarded{route_class.__name__}", (_GuardedRoute, route_class), {})


def _refuse_what_is_not_copied(router: APIRouter) -> None:
    for one in with_included(router):
        name = f"router {one.prefix or router.prefix or '/'}"
        if has_beginning(one):
            raise PolicyError(f"{name}: its startup handlers or lifespan would not run: use Extension.lifespan")
        if last_routes(one):
            raise PolicyError(f"{name}: its frontend can't be protected: use a Flask blueprint")


def _refuse_duplicates(api: FastAPI, route: Guard, name: str) -> None:
    others = [other for other in api.router.routes if isinstance(other, Guard) and other is not route]
    if any(other.pattern == route.pattern and other.methods & route.methods for other in others):
        raise PolicyError(f"{name}: two endpoints answer it")


def _name_of(endpoint: Any) -> str:
    inner = getattr(endpoint, "func", endpoint)
    return f"{inner.__module__}.{getattr(inner, '__qualname__', type(inner).__name__)}"


def check_covered(router: APIRouter, known: Sequence[BaseRoute], *, where: str) -> None:
    """Raises `PolicyError` if `router` serves anything except `known` and guarded routes; the message names it."""
    for route in (*router.routes, *last_routes(router)):
        if not isinstance(route, Guard) and not any(route is one for one in known):
            inner = next(iter_route_contexts([route]), None)
            path = (inner and inner.path) or f" {type(route).__name__}"
            raise PolicyError(f"{where}{path}: it was added beside the policy's table, so nobody would guard it")
