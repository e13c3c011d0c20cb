"""What no policy would cover stops the start: at create_app, or at the lifespan if it was added later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from flask import Blueprint, Flask
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from app.auth.policy import PolicyError
from tests.kit.building import page, route, start, with_blueprint, with_router


def _include(child: APIRouter) -> Callable[[APIRouter], object]:
    return lambda router: router.include_router(child, prefix="/child")


def _child(fill: Callable[[APIRouter], object], **given: Any) -> APIRouter:
    child = APIRouter(**given)
    fill(child)
    return child


def _frontend(router: APIRouter) -> None:
    router.frontend("/files", directory=Path(__file__).parent)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda router: router.mount("/m", Starlette()), "/api/m: a Mount can't be protected"),
        (lambda router: router.routes.append(Mount("/m", Starlette())), "/api/m: a Mount can't be protected"),
        (lambda router: router.add_route("/m", route), "/api/m: a Route can't be protected"),
        (lambda router: router.add_websocket_route("/m", route), "/api/m: a WebSocketRoute can't be protected"),
        (lambda router: router.host("files.example.com", Starlette()), "host files.example.com: a Host can't be"),
        (_frontend, "router /team: its frontend can't be protected"),
        (_include(_child(lambda child: child.mount("/m", Starlette()))), "/api/team/child/m: a Mount can't be"),
        (_include(_child(_frontend)), "router /team: its frontend can't be protected"),
        (
            _include(_child(lambda child: child.get("/")(route), lifespan=lambda app: None)),
            "router /team: its startup",
        ),
        (_include(_child(lambda child: child.get("/")(route), on_startup=[page])), "router /team: its startup"),
    ],
)
def test_a_router_takes_what_can_be_protected(
    tmp_path: Path, fill: Callable[[APIRouter], object], message: str
) -> None:
    """Mounts, hosts, frontends and Starlette's routes have no endpoint with a policy, so each stops the start."""
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, with_router(fill))
    assert str(caught.value).startswith(message)


def test_a_router_with_a_lifespan_stops_the_start(tmp_path: Path) -> None:
    """Its lifespan would silently not run, so the line says where it belongs."""
    extension = with_router(lambda router: router.get("/")(route), lifespan=lambda app: None)
    with pytest.raises(PolicyError, match=r"router /team: .* use Extension\.lifespan"):
        start(tmp_path, extension)


def test_included_routers_are_taken(tmp_path: Path) -> None:
    """A router that includes others, the usual way to sort routes, starts; each route is in the table."""
    app = start(tmp_path, with_router(_include(_child(lambda child: child.get("/x")(route)))))
    assert [rule.path for rule in app.state.rules if rule.path.startswith("/api/team")] == ["/api/team/child/x"]


class _AsyncMethods(MethodView):
    async def get(self) -> str:
        return "page"


def _wrapped() -> Callable[[], Any]:
    def view() -> Any:
        return route()

    view.__wrapped__ = route  # type: ignore[attr-defined]
    return view


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda it: it.get("/x")(route), "page /x (team.route): a view can't be async"),
        (lambda it: it.get("/x", endpoint="wrapped")(_wrapped()), "page /x (team.wrapped): a view can't be async"),
        (
            lambda it: it.add_url_rule("/x", view_func=_AsyncMethods.as_view("methods")),
            "page /x (team.methods): a view can't be async",
        ),
        (lambda it: it.before_request(route), "pages: route, a hook of team, can't be async"),
        (lambda it: it.after_app_request(route), "pages: route, a hook of every page, can't be async"),
        (lambda it: it.add_url_rule("/x", endpoint="lost"), "page /x (team.lost): it has no view"),
    ],
)
def test_flask_views_are_not_async(tmp_path: Path, fill: Callable[[Blueprint], object], message: str) -> None:
    """An async view or hook would run on its own event loop, where the server's drivers break."""
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, with_blueprint(fill))
    assert str(caught.value).startswith(message)


_LATE = "it was added beside the policy's table"


@pytest.mark.parametrize(
    ("meddle", "message"),
    [
        (lambda app: app.get("/late")(route), "/late: "),
        (lambda app: app.router.routes.insert(0, Route("/late", route)), "/late: "),
        (lambda app: app.mount("/late", Starlette()), "/late: "),
        (lambda app: app.websocket("/late")(route), "/late: "),
        (lambda app: app.include_router(_child(lambda it: it.get("/late")(route))), "/late: "),
        (_frontend, " _FrontendRouteGroup: "),
        (lambda app: app.state.api.get("/late")(route), "/api/late: "),
        (lambda app: app.state.api.mount("/late", Starlette()), "/api/late: "),
        (lambda app: app.state.api.websocket("/late")(route), "/api/late: "),
        (lambda app: app.state.api.include_router(_child(lambda it: it.get("/late")(route))), "/api/late: "),
        (lambda app: _frontend(app.state.api), "/api _FrontendRouteGroup: "),
        (lambda app: app.state.pages.get("/late")(page), "page /late (page): "),
        (
            lambda app: app.state.pages.register_blueprint(_late_blueprint()),
            "page /late (late.page): ",
        ),
    ],
)
def test_what_is_added_after_create_app_stops_the_start(
    tmp_path: Path, meddle: Callable[[FastAPI], object], message: str
) -> None:
    """create_app makes the table, and the lifespan refuses and names anything that was added later."""
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, meddle=meddle)
    assert str(caught.value).startswith(f"{message}{_LATE}")


def _late_blueprint() -> Blueprint:
    blueprint = Blueprint("late", __name__)
    blueprint.get("/late")(page)
    return blueprint


def test_a_hook_of_an_extension_runs_after_the_policy(tmp_path: Path) -> None:
    """A hook before each request sees nobody whom the policy has not let in."""
    seen = []

    def fill(blueprint: Blueprint) -> None:
        blueprint.before_app_request(lambda: seen.append("hook"))
        blueprint.get("/x")(page)

    app = start(tmp_path, with_blueprint(fill))
    pages: Flask = app.state.pages
    assert pages.test_client().get("/x").status_code == 303
    assert seen == []
    assert pages.test_client().get("/login").status_code == 200
    assert seen == ["hook"]
