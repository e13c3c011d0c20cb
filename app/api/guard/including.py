"""Brings routers into the API, each route behind the guard.

Routers are included eagerly: what is in the table at the start is what is served. A route that somebody adds to a
router later is served by nobody.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute

from app.api.fastapi_names import (
    FormLimits,
    RouteContext,
    add_operation,
    dependencies_of,
    has_beginning,
    iter_route_contexts,
    last_routes,
    make_websocket_route,
    with_form_limits,
    with_included,
)
from app.api.guard.guard import Guard, GuardedWebSocketRoute, OwnRoute, TeamRoute, put_off_convertors
from app.auth.clock import Clock
from app.auth.policy import Covered, Policy, PolicyError, Root, Rule, name_of, policy_of, refuse_marks
from app.bodies import marked_limit

#: What is called before the policy is asked, and to ask it. A route that brings one of its own would go around it.
_BEFORE_THE_POLICY: Final = ("matches", "handle", "admit", "convert")


def include(
    api: FastAPI, router: APIRouter, *, prefix: str, clock: Clock, around: Policy | None = None
) -> Covered[APIRouter]:
    """Adds each route of `router` to `api`, guarded by the policy that its endpoint carries.

    Args:
        api: what serves the routes.
        router: the routes, including those of the routers that it includes.
        prefix: where `api` is mounted, for messages, the log and the table.
        clock: tells how long ago a password was proven.
        around: the policy of all these routes, if the extension gave one.

    Returns:
        The router, with a row of the table for each route, and what FastAPI calls for them.

    Raises:
        PolicyError: a marker does not reach its endpoint, two routes answer the same call, something would run
            before the policy, or is neither a path operation nor a WebSocket route, so that none would cover it.
    """
    _refuse_what_is_not_copied(router)
    rules: list[Rule] = []
    roots: list[Root] = []
    for context, limits in with_form_limits(router):
        route = _add(api, context, prefix, limits)
        path = f"{prefix}{context.path}"
        rules.append(_cover(api, route, context.endpoint, path=path, clock=clock, around=around))
        roots += _roots_of(route, context.endpoint, name=f"{'/'.join(rules[-1].methods)} {path}")
    return Covered(router, tuple(rules), tuple(roots))


def _roots_of(route: Guard, endpoint: Any, *, name: str) -> Iterator[Root]:
    """Yields what FastAPI calls for `route`. Raises `PolicyError` if a dependency carries a marker."""
    yield Root(name, endpoint, is_endpoint=True)
    for call in dependencies_of(route):
        refuse_marks(call, name=f"{name}: its dependency {name_of(call)}", allowed=route.policy)
        yield Root(name, call)


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


def _cover(
    api: FastAPI, route: Guard, endpoint: Any, *, path: str, clock: Clock, around: Policy | None = None
) -> Rule:
    """Puts the policy of `endpoint` before `route`, which `api` has already. Returns its row of the table."""
    route.template = path
    route.beginning = path.partition("{")[0]
    route.pattern = re.sub(r"\{[^{}:]+", "{", path)
    route.clock = clock
    methods = tuple(sorted(route.methods))
    name = f"{'/'.join(methods)} {path}"
    route.policy = policy_of(endpoint, name=name, around=around)
    _refuse_duplicates(api, route, name)
    return Rule("api", path, methods, _shown(endpoint), route.policy)


def _add(api: FastAPI, context: RouteContext, prefix: str, form_limits: FormLimits) -> Guard:
    original = context.original_route
    path, endpoint = context.path, context.endpoint
    if path is None or endpoint is None or not isinstance(original, APIRoute | APIWebSocketRoute):
        where = f"{prefix}{path}" if path else f"host {getattr(original, 'host', original)}"
        raise PolicyError(
            f"{where}: a {type(original).__name__} can't be protected. Routers in Duet take path operations "
            "such as @router.get and @router.websocket."
        )
    refuse_marks(type(original), name=f"{prefix}{path}: its class {type(original).__name__}")
    if isinstance(original, APIWebSocketRoute):
        if marked_limit(endpoint, name=f"{prefix}{path}") is not None:
            raise PolicyError(f"{prefix}{path}: max_body_bytes has no effect on a WebSocket route")
        added: BaseRoute = make_websocket_route(GuardedWebSocketRoute, context, api)
        api.router.routes.append(added)
    else:
        route_class = _guarded(type(original), where=f"{prefix}{path}")
        limits = _limits_of(endpoint, form_limits, name=f"{prefix}{path}")
        added = add_operation(api.router, context, route_class, **limits)
    assert isinstance(added, Guard)
    if vars(added).keys() & set(_BEFORE_THE_POLICY):
        raise _too_early(type(original), f"{prefix}{path}")
    put_off_convertors(added)
    return added


def _limits_of(endpoint: Any, form_limits: FormLimits, *, name: str) -> dict[str, Any]:
    """Returns how large a body of the endpoint may be, as FastAPI takes it, by its marker and its routers."""
    marked = marked_limit(endpoint, name=name)
    if marked is None:
        return {"form_limits": form_limits or None}
    # A text in a form may be as large as the form, as on a page.
    usual = {"max_fields": marked.max_fields, "max_files": marked.max_fields, "max_part_size": marked.max_bytes}
    return {"form_limits": usual | form_limits, "max_body_size": marked.max_bytes}


def _guarded(route_class: type[APIRoute], *, where: str) -> type[APIRoute]:
    """Returns a team's own route class with the guard in front, so that the class keeps its behaviour."""
    if route_class.matches is not APIRoute.matches:
        raise _too_early(route_class, where)
    return type(f"Guarded{route_class.__name__}", (TeamRoute, route_class), {})


def _too_early(route_class: type, where: str) -> PolicyError:
    return PolicyError(
        f"{where}: its class {route_class.__name__} has a way of its own to match paths, which would run before "
        "the policy. Override get_route_handler or handle."
    )


def _refuse_what_is_not_copied(router: APIRouter) -> None:
    for one in with_included(router):
        name = f"router {one.prefix or router.prefix or '/'}"
        refuse_marks(one, name=name)
        if has_beginning(one):
            raise PolicyError(f"{name}: its startup handlers or lifespan would not run: use Extension.lifespan")
        if last_routes(one):
            raise PolicyError(f"{name}: its frontend can't be protected: use a Flask blueprint")


def _refuse_duplicates(api: FastAPI, route: Guard, name: str) -> None:
    others = [other for other in api.router.routes if isinstance(other, Guard) and other is not route]
    if any(other.pattern == route.pattern and other.methods & route.methods for other in others):
        raise PolicyError(f"{name}: two endpoints answer it")


def _shown(endpoint: Any) -> str:
    return name_of(getattr(endpoint, "func", endpoint))


def check_covered(router: APIRouter, known: Sequence[BaseRoute], *, where: str) -> None:
    """Raises `PolicyError` if `router` serves anything except `known` and guarded routes; the message names it."""
    for route in (*router.routes, *last_routes(router)):
        if not isinstance(route, Guard) and not any(route is one for one in known):
            inner = next(iter_route_contexts([route]), None)
            path = (inner and inner.path) or f" {type(route).__name__}"
            raise PolicyError(f"{where}{path}: it was added beside the policy's table, so nobody would guard it")
