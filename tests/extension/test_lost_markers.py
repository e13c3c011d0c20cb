"""A marker takes effect or stops the start by name, wherever somebody puts it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, Security, WebSocket
from fastapi.routing import APIRoute
from flask import Blueprint

from app.auth.policy import PolicyError, public, require
from app.extension import Extension
from app.main import create_app
from app.testing import make_settings
from tests.kit.building import page, route, start, team, with_blueprint, with_router

ADMIN = require(role="admin")


def marked(*_: Any) -> Any:
    """A fresh function that carries a marker."""

    @ADMIN
    def lost(*args: Any) -> Any:
        return None

    return lost


def marked_async() -> Any:
    """The same, async."""

    @ADMIN
    async def lost(*args: Any) -> Any:
        return None

    return lost


async def lost_dependency() -> None:
    """A dependency, which tests mark."""


class Checker:
    """A dependency that is a class, with a marker on a method."""

    @ADMIN
    def __call__(self) -> None:
        """The dependency."""


@ADMIN
class MarkedClass:
    """A dependency that is a marked class."""


@ADMIN
class MarkedCalling:
    """A marked class, whose objects are dependencies."""

    def __call__(self) -> None:
        """The dependency."""


@ADMIN
class MarkedBlueprint(Blueprint):
    """A marked class of blueprints."""


class MarkedRoute(APIRoute):
    """A route class with a marker on one of its methods."""

    @ADMIN
    def get_route_handler(self) -> Any:
        """Makes the handler."""
        return super().get_route_handler()


def _dependency(call: Any) -> Extension:
    return with_router(lambda it: it.get("/x", dependencies=[Depends(call)])(route))


def _of_router(call: Any) -> Extension:
    return with_router(lambda it: it.get("/x")(route), dependencies=[Depends(call)])


def _of_include(call: Any) -> Extension:
    child = APIRouter()
    child.get("/x")(route)
    return with_router(lambda it: it.include_router(child, dependencies=[Security(call)]))


def _nested(call: Any) -> Extension:
    def outer(inner: Any = Depends(call)) -> None: ...  # noqa: B008 - as many FastAPI apps have it

    return _dependency(outer)


def _of_socket(call: Any) -> Extension:
    async def socket(websocket: WebSocket) -> None: ...

    return with_router(lambda it: it.websocket("/x", dependencies=[Depends(call)])(socket))


@pytest.mark.parametrize("place", [_dependency, _of_router, _of_include, _nested, _of_socket])
@pytest.mark.parametrize(
    "call",
    [
        marked_async,
        marked,
        lambda: functools.partial(marked()),
        Checker,
        lambda: MarkedClass,
        lambda: MarkedCalling(),
        lambda: functools.wraps(marked())(lambda: None),
        lambda: ADMIN,
        lambda: public,
    ],
)
def test_s43_a_marked_dependency_stops_the_start(
    tmp_path: Path, place: Callable[[Any], Extension], call: Callable[[], Any]
) -> None:
    """FastAPI looks at no marker of a dependency, so everybody would get in; require() itself is none at all."""
    with pytest.raises(PolicyError, match=r"/api/team/x: its dependency .*marker"):
        start(tmp_path, place(call()))


_HOOKS: list[Callable[[Blueprint, Any], object]] = [
    lambda it, hook: it.before_request(hook),
    lambda it, hook: it.before_app_request(hook),
    lambda it, hook: it.after_request(hook),
    lambda it, hook: it.after_app_request(hook),
    lambda it, hook: it.teardown_request(hook),
    lambda it, hook: it.teardown_app_request(hook),
    lambda it, hook: it.url_value_preprocessor(hook),
    lambda it, hook: it.app_url_value_preprocessor(hook),
    lambda it, hook: it.url_defaults(hook),
    lambda it, hook: it.app_url_defaults(hook),
    lambda it, hook: it.context_processor(hook),
    lambda it, hook: it.app_context_processor(hook),
    lambda it, hook: it.register_error_handler(404, hook),
    lambda it, hook: it.app_errorhandler(ValueError)(hook),
    lambda it, hook: it.add_app_template_filter(hook, "mine"),
    lambda it, hook: it.add_app_template_test(hook, "mine"),
    lambda it, hook: it.add_app_template_global(hook, "mine"),
    lambda it, hook: it.cli.command("mine")(hook),
    lambda it, hook: it.record(lambda state: state.app.teardown_appcontext(hook)),
    lambda it, hook: it.record(lambda state: state.app.shell_context_processor(hook)),
]


@pytest.mark.parametrize("register", _HOOKS)
@pytest.mark.parametrize("hook", [marked, lambda: functools.partial(marked())])
def test_s43_a_marked_hook_stops_the_start(
    tmp_path: Path, register: Callable[[Blueprint, Any], object], hook: Callable[[], Any]
) -> None:
    """Flask asks no marker of what it calls besides views."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.get("/x")(page)
        register(blueprint, hook())

    with pytest.raises(PolicyError, match=r"extension team: its .*: the marker 'role admin'"):
        create_app(make_settings(tmp_path), extensions=[with_blueprint(fill)])


async def _claim(user: Any) -> str:
    return ""


@asynccontextmanager
async def _lifespan() -> Any:
    yield


def _nested_blueprint() -> Blueprint:
    outer = Blueprint("team", __name__)
    outer.register_blueprint(ADMIN(Blueprint("inner", __name__)))  # type: ignore[type-var]
    return outer


def _marked_inside() -> APIRouter:
    router = APIRouter(prefix="/team")
    child = APIRouter()
    child.get("/x")(route)
    router.include_router(ADMIN(child))
    return router


@pytest.mark.parametrize(
    ("extension", "name"),
    [
        (lambda: team(blueprints=[ADMIN(Blueprint("team", __name__))]), "extension team: blueprint team"),  # type: ignore[type-var]
        (lambda: team(blueprints=[MarkedBlueprint("team", __name__)]), "extension team: blueprint team"),
        (lambda: with_blueprint(lambda it: it.before_request(ADMIN)), "extension team: its before_request"),  # type: ignore[type-var]
        (lambda: team(blueprints=[_nested_blueprint()]), "extension team: blueprint inner"),
        (lambda: team(routers=[ADMIN(APIRouter(prefix="/team"))]), "router /team"),
        (lambda: team(routers=[_marked_inside()]), "router /team"),
        (
            lambda: with_router(lambda it: it.get("/x")(route), route_class=MarkedRoute),
            "/api/team/x: its class Mar",
        ),
        (
            lambda: with_router(lambda it: it.get("/x")(route), route_class=ADMIN(type("R", (APIRoute,), {}))),
            "/api/",
        ),
        (
            lambda: team(on={"deleted": ADMIN(functools.partial(_claim))}),
            "extension team: its handler of the signal",
        ),
        (
            lambda: team(claims={"c": ADMIN(functools.partial(_claim))}),
            "extension team: its function of the claim",
        ),
        (lambda: team(lifespan=ADMIN(functools.partial(_lifespan))), "extension team: its lifespan"),
        (lambda: team(init_app=marked()), "extension team: its init_app"),
        (
            lambda: with_blueprint(lambda it: it.get("/x", endpoint="x")(ADMIN)),
            "page /x (team.x): its endpoint is a",
        ),
        (
            lambda: with_router(lambda it: it.add_api_route("/x", ADMIN)),
            "GET /api/team/x: its endpoint is a marker",
        ),
    ],
)
def test_s43_a_marker_on_what_is_no_endpoint_stops_the_start(
    tmp_path: Path, extension: Callable[[], Extension], name: str
) -> None:
    """On a blueprint, a router, a route class or another part of an extension it would do nothing."""
    with pytest.raises(PolicyError) as caught:
        create_app(make_settings(tmp_path), extensions=[extension()])
    assert str(caught.value).startswith(name)


@ADMIN
def purge() -> None:
    """A helper that somebody believes to be guarded."""


TABLE = {"purge": purge}


class Service:
    """A helper with a guarded method, or so it seems."""

    @ADMIN
    def purge(self) -> None:
        """Purges."""


service = Service()


async def in_the_background(tasks: BackgroundTasks) -> None:
    """A route that has the helper run after its answer."""
    tasks.add_task(purge)


def _helper() -> None:
    purge()


@pytest.mark.parametrize(
    "endpoint",
    [
        in_the_background,
        lambda: _helper(),
        lambda: TABLE["purge"](),
        lambda: service.purge(),
        lambda: [purge() for _ in ""],
    ],
)
def test_s43_a_marked_helper_stops_the_start(tmp_path: Path, endpoint: Any) -> None:
    """A marker on a function that a view calls, or hands to a background task, is asked by nobody."""
    with pytest.raises(PolicyError, match=r"test_lost_markers\..*purge, whose marker 'role admin' guards nothing"):
        create_app(make_settings(tmp_path), extensions=[with_router(lambda it: it.add_api_route("/x", endpoint))])


async def _purging(_: Any) -> str:
    purge()
    return ""


@pytest.mark.parametrize("given", [{"on": {"deleted": _purging}}, {"claims": {"purged": _purging}}])
def test_s43_a_marked_helper_of_a_handler_stops_the_start(tmp_path: Path, given: dict[str, Any]) -> None:
    """Nor is it asked where a handler of a signal, or the function of a claim, uses it."""
    with pytest.raises(PolicyError, match=r"extension team: its .* code uses .*purge, whose marker"):
        create_app(make_settings(tmp_path), extensions=[team(**given)])


@ADMIN
def unmounted() -> str:
    """A view of a blueprint that no app has."""
    return ""


def test_s43_what_does_no_harm_is_not_refused(tmp_path: Path) -> None:
    """A marked view that is not served, or is served by another app, stops nothing; one may serve two apps."""
    other = Blueprint("other", __name__)
    other.get("/x")(unmounted)

    @ADMIN
    def shared() -> str:
        return ""

    def extension() -> Extension:
        def fill(blueprint: Blueprint) -> None:
            blueprint.get("/shared")(shared)
            blueprint.get("/calls", endpoint="calls")(ADMIN(lambda: shared()))

        return with_blueprint(fill)

    def rows(*extensions: Extension) -> set[str]:
        app = create_app(make_settings(tmp_path), extensions=extensions)
        return {str(rule.policy) for rule in app.state.rules if rule.path in ("/shared", "/x")}

    assert rows(extension()) == {"role admin"}
    assert rows(team("other", blueprints=[other])) == {"role admin"}
    assert rows(extension()) == {"role admin"}
    assert rows() == set()


@pytest.mark.parametrize(
    "role",
    [
        [],
        (),
        "",
        " ",
        "Admin",
        "admin ",
        "a" * 33,
        "é",
        7,
        None,
        True,
        b"admin",
        {"a": 1},
        ("admin", None),
        [["admin"]],
    ],
)
def test_s43_a_role_that_is_no_word_stops_the_start(role: Any) -> None:
    """No account can have such a role; the endpoint would be closed to everybody, or fail at each request."""
    if role is None:
        assert str(require(role=None).policy) == "login"
        return
    with pytest.raises(PolicyError, match="it is a word, such as 'admin'"):
        require(role=role)


@pytest.mark.parametrize("given", [{"fresh": 300}, {"fresh": timedelta(seconds=-1)}, {"reads": "yes"}])
def test_s43_a_marker_that_makes_no_sense_stops_the_start(given: dict[str, Any]) -> None:
    """It would fail at each request."""
    with pytest.raises(PolicyError, match="require"):
        require(**given)


@pytest.mark.parametrize("thing", [len, "x".upper, object()])
def test_s43_what_can_t_carry_a_marker_stops_the_start(thing: Any) -> None:
    """The line says where markers go instead."""
    with pytest.raises(PolicyError, match="it can't carry the marker 'role admin'"):
        ADMIN(thing)
