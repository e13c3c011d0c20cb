"""Markers reach their endpoint, or the start stops: a lost `@require` would leave an endpoint to everybody."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from flask import Blueprint
from flask.views import MethodView, View

from app.auth.policy import PolicyError, public, require
from tests.kit.building import page, start, team, with_blueprint, with_router


def _bare(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator without functools.wraps."""

    def wrapper() -> Any:
        return view()

    return wrapper


def _wrapping(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def wrapper() -> Any:
        return view()

    return wrapper


class _Calling:
    """A decorator that is a class."""

    def __init__(self, view: Callable[..., Any]) -> None:
        self.view = view

    def __call__(self) -> Any:
        return self.view()


def _marked() -> Callable[..., Any]:
    @require(role="admin")
    def secret() -> str:
        return "secret"

    return secret


class _MarkedMethod(MethodView):
    @require(role="admin")
    def get(self) -> str:
        return "secret"


class _MarkedByDecorators(View):
    decorators = [require(role="admin")]  # noqa: RUF012 - as Flask declares it

    def dispatch_request(self) -> str:
        return "secret"


@require(role="admin")
class _MarkedClass(View):
    def dispatch_request(self) -> str:
        return "secret"


_LOST: list[Callable[[], Callable[..., Any]]] = [
    lambda: _bare(_marked()),
    lambda: _bare(_bare(_marked())),
    lambda: _Calling(_marked()),
    lambda: functools.partial(_bare(_marked())),
    lambda: public(_wrapping(_bare(_marked()))),
]


@pytest.mark.parametrize("view", _LOST)
def test_a_marker_under_a_decorator_that_hides_it_stops_the_start(
    tmp_path: Path, view: Callable[[], Callable[..., Any]]
) -> None:
    """On a page and on a route alike, the line names the endpoint and the function that carries the marker."""
    endpoint = view()
    for extension in (
        with_blueprint(lambda it: it.add_url_rule("/x", "x", endpoint)),
        with_router(lambda it: it.add_api_route("/x", endpoint)),
    ):
        with pytest.raises(PolicyError, match=r"the marker 'role admin' on .*secret does not reach the endpoint"):
            start(tmp_path, extension)


@pytest.mark.parametrize("view_class", [_MarkedMethod, _MarkedClass])
def test_a_marker_on_a_view_class_or_its_method_stops_the_start(tmp_path: Path, view_class: type[View]) -> None:
    """Flask looks at neither, so the page would be open to everybody who is logged in."""
    with pytest.raises(PolicyError, match=r"page /x \(team\.x\): the marker 'role admin' on _Marked"):
        start(tmp_path, with_blueprint(lambda it: it.add_url_rule("/x", view_func=view_class.as_view("x"))))


def test_a_marker_in_the_decorators_of_a_view_class_counts(tmp_path: Path) -> None:
    """Flask reads a view class's decorators from there."""
    app = start(
        tmp_path, with_blueprint(lambda it: it.add_url_rule("/x", view_func=_MarkedByDecorators.as_view("x")))
    )
    assert [str(rule.policy) for rule in app.state.rules if rule.path == "/x"] == ["role admin"]


@pytest.mark.parametrize(
    "view", [_marked, lambda: _wrapping(_marked()), lambda: require(role="admin")(_bare(page))]
)
def test_a_marker_that_reaches_its_endpoint_counts(tmp_path: Path, view: Callable[[], Callable[..., Any]]) -> None:
    """Directly, through functools.wraps or outermost, it yields the same row for page and route."""
    endpoint = view()
    app = start(
        tmp_path,
        with_blueprint(lambda it: it.add_url_rule("/x", "x", endpoint)),
        team("other", routers=[_router(endpoint)]),
    )
    rules = {rule.path: str(rule.policy) for rule in app.state.rules if rule.path.endswith("/x")}
    assert rules == {"/x": "role admin", "/api/other/x": "role admin"}


def _router(endpoint: Callable[..., Any]) -> APIRouter:
    router = APIRouter(prefix="/other")
    router.add_api_route("/x", endpoint)
    return router


def test_a_marker_above_or_below_the_route_decorator_counts(tmp_path: Path) -> None:
    """Flask and FastAPI hand the function on as it is, so the order of the two does not matter."""

    def fill(blueprint: Blueprint) -> None:
        @public
        @blueprint.get("/above")
        def above() -> str:
            return ""

        @blueprint.get("/below")
        @public
        def below() -> str:
            return ""

    app = start(tmp_path, with_blueprint(fill))
    rules = {rule.path: str(rule.policy) for rule in app.state.rules}
    assert (rules["/above"], rules["/below"]) == ("public", "public")


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (public, require(role="admin")),
        (require(role="admin"), public),
        (require(fresh=timedelta(minutes=5)), require(role="admin")),
    ],
)
def test_an_endpoint_carries_one_marker(outer: Callable[[Any], Any], inner: Callable[[Any], Any]) -> None:
    """Of two the outer one would silently win, and `@public` above `@require` would open the endpoint."""

    def both() -> None: ...

    with pytest.raises(PolicyError, match=r"test_markers.*both: it carries two markers"):
        outer(inner(both))
