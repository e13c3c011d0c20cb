"""What belongs to somebody else already stops the start, with a line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import APIRouter
from flask import Blueprint

from app.auth.policy import PolicyError
from app.extension import Extension
from tests.kit.building import page, route, start, team, with_blueprint, with_router


def _routers(*prefixes: str) -> list[APIRouter]:
    return [APIRouter(prefix=prefix) for prefix in prefixes]


def _blueprints(*prefixes: str, names: str = "ab") -> list[Blueprint]:
    return [Blueprint(name, __name__, url_prefix=prefix) for name, prefix in zip(names, prefixes, strict=False)]


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        ([team("notes"), team("notes")], "extension notes: two extensions have this name"),
        ([team(routers=_routers(""))], "extension team: its router needs a prefix, such as /team"),
        ([team(routers=_routers("/users"))], "extension team: /api/users belongs to Duet already"),
        (
            [team(routers=_routers("/users/me/notes"))],
            "extension team: /api/users/me/notes belongs to Duet already",
        ),
        ([team(routers=_routers("/admin/x"))], "extension team: /api/admin/x belongs to Duet already"),
        ([team("Duet", routers=_routers("/auth/x"))], "extension Duet: /api/auth/x belongs to Duet already"),
        ([team(routers=_routers("/n", "/n"))], "extension team: the prefix /api/n is taken twice"),
        (
            [team("one", routers=_routers("/n")), team("two", routers=_routers("/n/x"))],
            "extension two: /api/n/x belongs to one already",
        ),
        (
            [team("one", routers=_routers("/n/x")), team("two", routers=_routers("/n"))],
            "extension two: /api/n belongs to one already",
        ),
        (
            [team(routers=_routers("/{anything}"))],
            "extension team: the prefix /api/{anything} must begin with a fixed word",
        ),
        ([team(blueprints=_blueprints("/account"))], "extension team: /account belongs to Duet already"),
        ([team(blueprints=_blueprints("/admin/"))], "extension team: /admin/ belongs to Duet already"),
        ([team(blueprints=_blueprints("/admin/x"))], "extension team: /admin/x belongs to Duet already"),
        ([team(blueprints=_blueprints("/n", "/n/"))], "extension team: the prefix /n is taken twice"),
        (
            [team("one", blueprints=_blueprints("/n")), team("two", blueprints=_blueprints("/n/x", names="b"))],
            "extension two: /n/x belongs to one already",
        ),
        (
            [team("one", blueprints=[Blueprint("n", "n")]), team("two", blueprints=[Blueprint("n", "n")])],
            "extension two: blueprint n: The name 'n' is already registered",
        ),
        (
            [team(blueprints=[Blueprint("admin", "x")])],
            "extension team: blueprint admin: The name 'admin' is already",
        ),
    ],
)
def test_names_and_prefixes_have_one_owner(tmp_path: Path, extensions: list[Extension], message: str) -> None:
    """Two owners of a name or of the first word of a path would shadow each other."""
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, *extensions)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api", "/api belongs to Duet"),
        ("/api/notes", "/api/notes belongs to Duet"),
        ("/static/notes.css", "/static/notes.css belongs to Duet"),
        ("/healthz", "/healthz belongs to Duet"),
        ("/.well-known/x", "/.well-known/x belongs to Duet"),
        ("/account/notes", "/account/notes belongs to Duet"),
        ("/login", "page /login (team.page): auth.login answers GET there already"),
        ("/", "page / (team.page): home.home answers GET there already"),
    ],
)
def test_a_page_where_duet_has_something_stops_the_start(tmp_path: Path, path: str, message: str) -> None:
    """Such a page would never be reached, or would take the place of one of Duet's."""
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, with_blueprint(lambda blueprint: blueprint.get(path)(page)))
    assert message in str(caught.value)


@pytest.mark.parametrize("paths", [("/x", "/x"), ("/x/<a>", "/x/<b>"), ("/x/<int:a>/y", "/x/<int:b>/y")])
def test_one_page_has_one_view(tmp_path: Path, paths: tuple[str, str]) -> None:
    """Of two views for the same path and method only one would answer, and perhaps the one without the policy."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.get(paths[0], endpoint="first")(page)
        blueprint.get(paths[1], endpoint="second")(page)

    with pytest.raises(PolicyError, match=r"\(team\.second\): team\.first answers GET there already"):
        start(tmp_path, with_blueprint(fill))


def test_two_views_may_share_a_path_by_method(tmp_path: Path) -> None:
    """GET in one view and POST in another is the usual way, and is no clash."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.get("/x", endpoint="show")(page)
        blueprint.post("/x", endpoint="save")(page)

    start(tmp_path, with_blueprint(fill))


@pytest.mark.parametrize("paths", [("/x", "/x"), ("/{a}", "/{b}"), ("/{a:int}", "/{b:int}")])
def test_one_route_has_one_endpoint(tmp_path: Path, paths: tuple[str, str]) -> None:
    """Two routes with the same path clash too, whatever their parameters are called."""

    def fill(router: APIRouter) -> None:
        router.get(paths[0])(route)
        router.get(paths[1])(route)

    with pytest.raises(PolicyError) as caught:
        start(tmp_path, with_router(fill))
    assert str(caught.value) == f"GET /api/team{paths[1]}: two endpoints answer it"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"static_url_path": ""}, "page / (home.home): the files of team.static lie over it"),
        ({"static_url_path": "/account"}, "extension team: /account/<path:filename> belongs to Duet already"),
        ({}, "extension team: /static/<path:filename> belongs to Duet and would not be reached"),
        (
            {"url_prefix": "/team", "static_url_path": "/x"},
            "page /team/x/page (team.page): the files of team.static lie over it",
        ),
    ],
)
def test_a_static_folder_over_pages_stops_the_start(tmp_path: Path, given: dict[str, str], message: str) -> None:
    """Static folders are public and come before the pages: one at the root would open, or hide, everything."""
    folder = tmp_path / "static"
    folder.mkdir()
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, with_blueprint(lambda it: it.get("/x/page")(page), static_folder=str(folder), **given))
    assert str(caught.value) == message


def test_endpoints_of_a_blueprint_are_unique(tmp_path: Path) -> None:
    """Flask's error for a second view with the same name is passed on as one line."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.get("/x", endpoint="same")(page)
        blueprint.get("/y", endpoint="same")(lambda: "other")

    with pytest.raises(PolicyError, match=r"extension team: blueprint team: .*team\.same"):
        start(tmp_path, with_blueprint(fill))
