"""`Extension(errors=…)`: a team's own kinds of error have a status, and their texts are what people read."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, HTTPException
from fastapi.exceptions import RequestValidationError
from flask import Blueprint
from structlog.testing import capture_logs
from werkzeug.exceptions import Conflict

from app.auth.errors import AuthError, RoleMissing
from app.auth.policy import PolicyError, public
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, login_as, make_settings
from tests.kit.building import start, team


class OutOfStock(Exception):
    """A team's own error."""


class SoldForGood(OutOfStock):
    """A kind of it, with a status of its own."""


class Gone(OutOfStock):
    """A kind of it, without one."""


#: What a page or a route raises next.
NEXT: list[Exception] = []


def _shop(name: str, errors: dict[Any, int]) -> Extension:
    blueprint, router = Blueprint(name, __name__, url_prefix=f"/{name}"), APIRouter(prefix=f"/{name}")

    @blueprint.get("/")
    @public
    def page() -> str:
        raise NEXT.pop()

    @router.get("/{item}")
    @public
    async def route(item: str) -> str:
        raise NEXT.pop()

    return Extension(name, blueprints=[blueprint], routers=[router], errors=errors)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A stranger, on a Duet with two shops: each has its own verdict on the same error."""
    shops = [
        _shop("shop", {OutOfStock: 409, SoldForGood: 410, KeyError: 404}),
        _shop("shopping", {OutOfStock: 503}),
    ]
    app = create_app(make_settings(tmp_path_factory.mktemp("duet")), extensions=shops)
    with TestClient(app) as one:
        yield one


@pytest.mark.parametrize(
    ("shop", "error", "status", "text"),
    [
        ("shop", OutOfStock("The <last> one is sold."), 409, "The <last> one is sold."),
        ("shop", Gone("It is gone."), 409, "It is gone."),
        ("shop", SoldForGood("There will be no more."), 410, "There will be no more."),
        ("shop", KeyError("no such item"), 404, "no such item"),
        ("shop", OutOfStock("one", 2), 409, "('one', 2)"),
        ("shopping", OutOfStock("Later."), 503, "Later."),
        ("shopping", SoldForGood("Later still."), 503, "Later still."),
    ],
)
def test_an_error_has_its_extension_s_status_and_its_own_text(
    client: TestClient, shop: str, error: Exception, status: int, text: str
) -> None:
    """The nearest class counts, on both halves alike, and another extension's verdict does not."""
    NEXT[:] = [error, error]
    page, route = client.get(f"/{shop}/"), client.get(f"/api/{shop}/7")
    assert (page.status_code, route.status_code) == (status, status)
    assert html.escape(text) in page.text.replace("&#39;", "&#x27;")
    assert route.json()["detail"] == text
    assert route.headers["Content-Type"] == "application/problem+json"


def test_an_error_without_a_text_has_its_status_s_name(client: TestClient) -> None:
    """Nothing is made up for an error that says nothing."""
    NEXT[:] = [OutOfStock(), OutOfStock()]
    assert "Error 409" in client.get("/shop/").text
    assert client.get("/api/shop/7").json()["detail"] == "Conflict"


@pytest.mark.parametrize("path", ["/shopping/", "/api/shopping/7"])
def test_what_an_extension_does_not_name_is_a_failure(client: TestClient, path: str) -> None:
    """A `KeyError` is a 404 in the shop that says so, and in the other one a 500 that is logged."""
    NEXT[:] = [KeyError("no such item")]
    with capture_logs() as lines:
        answer = client.get(path)
    assert answer.status_code == 500
    assert "no such item" not in answer.text
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["request_failed"]


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        ({Exception: 500}, "Exception"),
        ({RoleMissing: 404}, "RoleMissing"),
        ({AuthError: 404}, "AuthError"),
        ({Conflict: 404}, "Conflict"),
        ({HTTPException: 404}, "HTTPException"),
        ({RequestValidationError: 400}, "RequestValidationError"),
        ({"OutOfStock": 409}, "no class of exceptions"),
        ({KeyboardInterrupt: 409}, "no class of exceptions"),
        ({OutOfStock: 200}, "200"),
        ({OutOfStock: 600}, "600"),
        ({OutOfStock: True}, "True"),
        ({OutOfStock: "409"}, "409"),
    ],
)
def test_an_error_that_is_not_a_team_s_stops_the_start(tmp_path: Path, errors: dict[Any, Any], line: str) -> None:
    """Duet's refusals, the frameworks' own errors, every error at once, and other statuses are refused."""
    router = APIRouter(prefix="/team")
    with pytest.raises(PolicyError, match=line):
        start(tmp_path, team(errors=errors, routers=[router]))


# What runs when a request is over


def test_a_teardown_that_fails_is_logged_and_the_page_stands(tmp_path: Path) -> None:
    """Every teardown function runs, whichever fails, and people see their page."""
    blueprint, ran = Blueprint("team", __name__, url_prefix="/team"), []

    @blueprint.get("/")
    def page() -> str:
        return "the page"

    @blueprint.teardown_request
    def first(error: BaseException | None) -> None:
        ran.append("first")

    @blueprint.teardown_request
    def fails(error: BaseException | None) -> None:
        raise LookupError("in the request's")

    @blueprint.record
    def of_the_app(state: Any) -> None:
        def fails_too(error: BaseException | None) -> None:
            ran.append("last")
            raise LookupError("in the app's")

        state.app.teardown_appcontext(fails_too)

    app = create_app(make_settings(tmp_path), extensions=[Extension("team", blueprints=[blueprint])])
    with TestClient(app) as one, capture_logs() as lines:
        assert login_as(one).get("/team/").text == "the page"
    assert ran[:2] == ["first", "last"]
    failed = [line["function"].rpartition(".")[2] for line in lines if line["event"] == "teardown_failed"]
    assert failed[:2] == ["fails", "fails_too"]
