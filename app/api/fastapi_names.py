"""The private names of FastAPI, and of Starlette below it, that Duet uses, and why."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "fastapi",
    # Yields each operation of an included router, with what the routers around it add. It is meant for programs
    # like Duet, but its contexts only promise path, methods, endpoint and route. The rest is FastAPI's own.
    "fastapi.routing:iter_route_contexts",
    "fastapi.routing:RouteContext.original_route",
    # Makes an operation with the guard's class, no matter which class its router has: see `add_operation`.
    "fastapi.routing:APIRouter.add_api_route(route_class_override)",
    # The object whose `dependency_overrides` count for a WebSocket: see `make_websocket_route`.
    "fastapi.routing:APIWebSocketRoute(dependency_overrides_provider)",
    # The pages of a frontend, which are asked last and are not operations: see `last_routes`.
    "fastapi.routing:APIRouter._low_priority_routes",
    # FastAPI's stand-in for a router that another one includes: see `with_included`.
    "fastapi.routing:_IncludedRouter.original_router",
    # The limits of a form, by the operation and by the routers around it: see `with_form_limits`.
    "fastapi.routing:APIRoute.form_limits",
    "fastapi.routing:APIRouter.form_limits",
    "fastapi.routing:_RouterIncludeContext(form_limits)",
    "fastapi.routing:_IncludedRouter(include_context)",
    "fastapi.routing:APIRouter.add_api_route(form_limits)",
    # Reads a form: see `app.api.forms.FormRequest`.
    "starlette.requests:Request._get_form(max_files)",
    "starlette.requests:Request._get_form(max_fields)",
    "starlette.requests:Request._get_form(max_part_size)",
    "starlette.requests:Request._form",
    # What an operation takes, and what validates it: see `replace_adapters`.
    "fastapi.dependencies.models:Dependant(body_params)",
    "fastapi._compat:ModelField._type_adapter",
    # What runs when an app begins and ends, and what tells that there is nothing to run: see `has_beginning`.
    "fastapi.routing:APIRouter.on_startup",
    "fastapi.routing:APIRouter.on_shutdown",
    "fastapi.routing:APIRouter.lifespan_context",
    "fastapi.routing:_DefaultLifespan",
    "fastapi.routing:_merge_lifespan_context",
    # What FastAPI calls for a route besides its endpoint: see `dependencies_of`.
    "fastapi.routing:APIWebSocketRoute.dependant",
    "fastapi.dependencies.models:Dependant.dependencies",
    "fastapi.dependencies.models:Dependant.call",
    # The layers around an app's router: see `layers_of` and `set_outermost`.
    "fastapi:FastAPI.build_middleware_stack",
    "fastapi:FastAPI.middleware_stack",
)

with NAMES.importing():
    from fastapi.dependencies.models import Dependant
    from fastapi.routing import (
        RouteContext,
        _DefaultLifespan,
        _IncludedRouter,
        _merge_lifespan_context,
        iter_route_contexts,
    )

#: What makes up an operation in FastAPI, apart from its path and endpoint. Each name is an attribute of a
#: `RouteContext` and a parameter of `add_api_route`.
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
    "FormLimits",
    "RouteContext",
    "add_operation",
    "check",
    "dependencies_of",
    "has_beginning",
    "iter_route_contexts",
    "last_routes",
    "layers_of",
    "make_websocket_route",
    "replace_adapters",
    "set_outermost",
    "with_form_limits",
    "with_included",
]

#: The limits of a form by FastAPI's names: `max_fields`, `max_files` and `max_part_size`.
FormLimits: TypeAlias = dict[str, int]

WebSocketRoute = TypeVar("WebSocketRoute", bound=APIWebSocketRoute)


def check() -> None:
    """Raises `PackageUnfit` if FastAPI lacks one of these names, or if lifespans can no longer be told apart."""
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
    if not hasattr(inner.routes[0], "dependant"):
        raise NAMES.gone("APIRoute", "dependant")
    with_lifespan, around = APIRouter(lifespan=_nothing), APIRouter()
    around.include_router(with_lifespan)
    if has_beginning(outer) or not has_beginning(with_lifespan) or not has_beginning(around):
        raise NAMES.gone("_merge_lifespan_context", "closure over both lifespans")


def _nothing(_: object) -> Any: ...


def add_operation(
    router: APIRouter, context: RouteContext, route_class: type[APIRoute], **changed: Any
) -> BaseRoute:
    """Adds the operation of `context` to `router` as a new route of `route_class`, with some parts `changed`.

    Returns the route.
    """
    operation: dict[str, Any] = {name: getattr(context, name) for name in OPERATION} | changed
    assert context.path is not None
    assert context.endpoint is not None
    router.add_api_route(context.path, context.endpoint, route_class_override=route_class, **operation)
    return router.routes[-1]


def with_form_limits(router: APIRouter) -> Iterator[tuple[RouteContext, FormLimits]]:
    """Yields each operation of `router`, with the limits of its form. A `RouteContext` does not know these.

    Raises:
        ValueError: the routers include something that is no operation.
    """
    limits = _form_limits(router.routes, router.form_limits)
    yield from zip(iter_route_contexts(router.routes), limits, strict=True)


def _form_limits(routes: Sequence[BaseRoute], inherited: Any) -> Iterator[FormLimits]:
    """Yields the limits of each route, in the order of `iter_route_contexts`; inner ones go before outer ones."""
    for route in routes:
        if isinstance(route, _IncludedRouter):
            yield from _form_limits(
                route.original_router.routes, {**inherited, **route.include_context.form_limits}
            )
        else:
            yield {**inherited, **getattr(route, "form_limits", {})}


def replace_adapters(dependant: Dependant, replace: Callable[[Any], Any]) -> None:
    """Puts `replace(adapter)` in the place of each pydantic adapter that validates an input of an operation."""
    for fields in ("path_params", "query_params", "header_params", "cookie_params", "body_params"):
        for field in getattr(dependant, fields):
            field._type_adapter = replace(field._type_adapter)
    for inner in dependant.dependencies:
        replace_adapters(inner, replace)


def make_websocket_route(route_class: type[WebSocketRoute], context: RouteContext, app: FastAPI) -> WebSocketRoute:
    """Returns the WebSocket route of `context` as a new one of `route_class`, for `app`."""
    assert context.path is not None
    assert context.endpoint is not None
    return route_class(
        context.path,
        context.endpoint,
        name=context.name,
        dependencies=context.dependencies,
        dependency_overrides_provider=app,
    )


def dependencies_of(route: Any) -> Iterator[Callable[..., Any]]:
    """Yields what FastAPI calls before the endpoint of `route`, at any depth: its routers' dependencies, too."""
    queue = [*route.dependant.dependencies]
    while queue:
        one = queue.pop()
        queue += one.dependencies
        yield one.call


def with_included(router: APIRouter) -> Iterator[APIRouter]:
    """Yields `router` and the routers that it includes, at any depth."""
    yield router
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if isinstance(inner, APIRouter):
            yield from with_included(inner)


def has_beginning(router: APIRouter) -> bool:
    """Tells whether `router` has something to run when an app begins or ends."""
    return bool(router.on_startup or router.on_shutdown) or _is_given(router.lifespan_context)


def _is_given(lifespan: Any) -> bool:
    """Tells whether somebody gave a router a lifespan. FastAPI makes one for each, and merges included ones."""
    inner = inspect.unwrap(lifespan)
    if type(inner) is _DefaultLifespan:
        return False
    if getattr(inner, "__qualname__", "").startswith(f"{_merge_lifespan_context.__qualname__}."):
        return any(_is_given(cell.cell_contents) for cell in inner.__closure__)
    return True


def last_routes(router: APIRouter) -> list[BaseRoute]:
    """Returns the routes that `router` asks when none of its others answers."""
    return router._low_priority_routes


def layers_of(app: FastAPI) -> ASGIApp:
    """Returns the layers around the router of `app`, which answer its errors, with the router inside."""
    return app.build_middleware_stack()


def set_outermost(app: FastAPI, layer: Callable[..., Any]) -> None:
    """Makes `layer` what a server calls for `app`. Middleware that is added later has no effect."""
    app.middleware_stack = layer
