"""The names that Duet takes out of the inside of FastAPI and of Starlette below it, and why."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "fastapi",
    # Each operation of an included router, with what the routers around it add. It was made for such as Duet; what
    # else its contexts have, beside path, methods, endpoint and route, is whatever FastAPI's own class has.
    "fastapi.routing:iter_route_contexts",
    "fastapi.routing:RouteContext.original_route",
    # Makes an operation with the guard's class, whatever class its router has: see `add_operation`.
    "fastapi.routing:APIRouter.add_api_route(route_class_override)",
    # Whose `dependency_overrides` count for a WebSocket: see `make_websocket_route`.
    "fastapi.routing:APIWebSocketRoute(dependency_overrides_provider)",
    # The pages of a frontend, which are asked last and are no operations: see `last_routes`.
    "fastapi.routing:APIRouter._low_priority_routes",
    # FastAPI's stand-in for a router that another one includes: see `with_included`.
    "fastapi.routing:_IncludedRouter.original_router",
    # What runs when an app begins and ends, and how to tell that there is nothing to run: see `has_beginning`.
    "fastapi.routing:APIRouter.on_startup",
    "fastapi.routing:APIRouter.on_shutdown",
    "fastapi.routing:APIRouter.lifespan_context",
    "fastapi.routing:_DefaultLifespan",
    "fastapi.routing:_merge_lifespan_context",
    # The layers around an app's router: see `layers_of` and `set_outermost`.
    "fastapi:FastAPI.build_middleware_stack",
    "fastapi:FastAPI.middleware_stack",
)

with NAMES.importing():
    from fastapi.routing import RouteContext, _DefaultLifespan, _merge_lifespan_context, iter_route_contexts

#: What makes up an operation of FastAPI's, apart from its path and endpoint. Each is an attribute of a
#: `RouteContext` and a parameter of `add_api_route`, by the same name.
OPERATION: Final = (
    "callbacks",
    "dependencies",
    "deprecated",
    "description",
    "generate_unique_id_function",
    "include_in_schema",
    "max_body_size",
    "methods",
    "name",
    "openapi_extra",
    "operation_id",
    "response_class",
    "response_description",
    "response_model",
    "response_model_by_alias",
    "response_model_exclude",
    "response_model_exclude_defaults",
    "response_model_exclude_none",
    "response_model_exclude_unset",
    "response_model_include",
    "responses",
    "status_code",
    "strict_content_type",
    "summary",
    "tags",
)

__all__ = [
    "NAMES",
    "OPERATION",
    "RouteContext",
    "add_operation",
    "check",
    "has_beginning",
    "iter_route_contexts",
    "last_routes",
    "layers_of",
    "make_websocket_route",
    "set_outermost",
    "with_included",
]

WebSocketRoute = TypeVar("WebSocketRoute", bound=APIWebSocketRoute)


def check() -> None:
    """Raises `PackageUnfit` where FastAPI has lost a name of these, or a lifespan no longer shows what it is."""
    NAMES.check()
    inner, outer = APIRouter(), APIRouter()
    inner.add_api_route("/", check)
    outer.include_router(inner)
    parameters = inspect.signature(APIRouter.add_api_route).parameters
    for context in iter_route_contexts([*inner.routes, *outer.routes]):  # as it stands, and as it is included
        for name in OPERATION:
            if name not in parameters:
                raise NAMES.gone("APIRouter.add_api_route", f"parameter {name}")
            if not hasattr(context, name):
                raise NAMES.gone("RouteContext", name)
    with_lifespan, around = APIRouter(lifespan=_nothing), APIRouter()
    around.include_router(with_lifespan)
    if has_beginning(outer) or not has_beginning(with_lifespan) or not has_beginning(around):
        raise NAMES.gone("_merge_lifespan_context", "closure over both lifespans")


def _nothing(_: object) -> Any: ...


def add_operation(router: APIRouter, context: RouteContext, route_class: type[APIRoute]) -> BaseRoute:
    """Adds the operation of `context` to `router` anew, as a route of `route_class`, which is returned."""
    operation: dict[str, Any] = {name: getattr(context, name) for name in OPERATION}
    assert context.path is not None
    assert context.endpoint is not None
    router.add_api_route(context.path, context.endpoint, route_class_override=route_class, **operation)
    return router.routes[-1]


def make_websocket_route(route_class: type[WebSocketRoute], context: RouteContext, app: FastAPI) -> WebSocketRoute:
    """The WebSocket route of `context` anew, as one of `route_class`, for `app`."""
    assert context.path is not None
    assert context.endpoint is not None
    return route_class(
        context.path,
        context.endpoint,
        name=context.name,
        dependencies=context.dependencies,
        dependency_overrides_provider=app,
    )


def with_included(router: APIRouter) -> Iterator[APIRouter]:
    """`router`, and those that it includes, however deep."""
    yield router
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if isinstance(inner, APIRouter):
            yield from with_included(inner)


def has_beginning(router: APIRouter) -> bool:
    """Whether `router` has something to run when an app begins or ends."""
    return bool(router.on_startup or router.on_shutdown) or _is_given(router.lifespan_context)


def _is_given(lifespan: Any) -> bool:
    """Whether somebody gave a router a lifespan; FastAPI makes one for each, and merges those of the included."""
    inner = inspect.unwrap(lifespan)
    if type(inner) is _DefaultLifespan:
        return False
    if getattr(inner, "__qualname__", "").startswith(f"{_merge_lifespan_context.__qualname__}."):
        return any(_is_given(cell.cell_contents) for cell in inner.__closure__)
    return True


def last_routes(router: APIRouter) -> list[BaseRoute]:
    """What `router` asks when none of its routes answers."""
    return router._low_priority_routes


def layers_of(app: FastAPI) -> ASGIApp:
    """The layers around the router of `app`, which draw its errors, and the router within."""
    return app.build_middleware_stack()


def set_outermost(app: FastAPI, layer: Callable[..., Any]) -> None:
    """Makes `layer` what a server calls for `app`. Middleware that is added later stays without effect."""
    app.middleware_stack = layer
