"""The test kit for a team's own tests."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from flask import Blueprint, request
from structlog.testing import capture_logs

import app.testing
from app.auth.errors import InvalidCredentials
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, csrf_token, login_as, make_settings, running
from app.web.context import current_principal, current_user


def team() -> Extension:
    """A page that says who is logged in, and one that takes a form."""
    blueprint = Blueprint("team", __name__, url_prefix="/team")

    @blueprint.get("/who")
    def who() -> str:
        return f"{current_user().email} {','.join(sorted(current_principal.roles))}"

    @blueprint.post("/say")
    def say() -> str:
        return request.form["text"]

    return Extension("team", blueprints=[blueprint])


def test_the_example_in_the_docstring_works() -> None:
    """What the kit's docstring shows is what happens."""
    with capture_logs():  # unconfigured logs go to standard output, where the examples' output is expected
        outcome = doctest.testmod(app.testing)
    assert outcome.failed == 0
    assert outcome.attempted > 5


def test_flasks_client_is_signed_in_past_the_gate(tmp_path: Path) -> None:
    """Pages see the account with its roles, and forms are sent with a token that is bound to the session."""
    app = create_app(make_settings(tmp_path), extensions=[team()])
    with running(app):
        client = login_as(app.state.pages.test_client(), "bo@example.com", roles=["editor"])
        assert client.get("/team/who").text == "bo@example.com editor"
        form = {"text": "hello", "csrf_token": csrf_token(client, "/account")}
        assert client.post("/team/say", data=form).text == "hello"
        assert client.post("/team/say", data={"text": "hello"}).status_code == 400


def test_a_flask_client_that_is_not_signed_in_is_led_to_the_login(tmp_path: Path) -> None:
    """Without login_as nobody is logged in, because the kit opens nothing by itself."""
    app = create_app(make_settings(tmp_path), extensions=[team()])
    with running(app):
        login_as(app.state.pages.test_client())
        answer = app.state.pages.test_client().get("/team/who")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/team/who")


def test_starlettes_client_is_signed_in_on_both_halves(tmp_path: Path) -> None:
    """The bearer token counts on the API and the cookie on the pages, for the same account."""
    app = create_app(make_settings(tmp_path), extensions=[team()])
    with TestClient(app) as client:
        login_as(client, "bo@example.com", name="Bo")
        assert client.get("/api/users/me").json()["name"] == "Bo"
        assert client.get("/team/who").text.strip() == "bo@example.com"
        form = {"text": "hello", "csrf_token": csrf_token(client, "/account")}
        assert client.post("/team/say", data=form).text == "hello"


def test_starlettes_client_goes_through_edge_and_gate(tmp_path: Path) -> None:
    """Answers carry the edge's headers, and a logout on the page ends the bearer token's session too."""
    app = create_app(make_settings(tmp_path))
    with TestClient(app) as client:
        login_as(client)
        assert client.get("/api/users/me").headers["X-Content-Type-Options"] == "nosniff"
        client.post("/logout", data={"csrf_token": csrf_token(client, "/account")})
        assert client.get("/api/users/me").status_code == 401
        assert client.get("/account", follow_redirects=False).status_code == 303


def test_a_client_can_become_somebody_else(tmp_path: Path) -> None:
    """A second login_as replaces the first on both halves."""
    app = create_app(make_settings(tmp_path), extensions=[team()])
    with TestClient(app) as client:
        login_as(client, "ada@example.com").get("/account")
        login_as(client, "bo@example.com")
        assert client.get("/team/who").text.strip() == "bo@example.com"
        assert client.get("/api/users/me").json()["email"] == "bo@example.com"
        pages = login_as(app.state.pages.test_client(), "ada@example.com")
        assert login_as(pages, "bo@example.com").get("/team/who").text.strip() == "bo@example.com"


def test_https_settings_work_with_an_https_client(tmp_path: Path) -> None:
    """With the name and flags that cookies have over https the client stays logged in."""
    app = create_app(make_settings(tmp_path, public_url="https://duet.example.com"))
    with TestClient(app, base_url="https://duet.example.com") as client:
        login_as(client)
        assert csrf_token(client, "/account")
        assert client.get("/account", follow_redirects=False).status_code == 200


def test_roles_are_given_and_never_taken_away(tmp_path: Path) -> None:
    """A second login_as of the same account adds roles and keeps the existing ones."""
    app = create_app(make_settings(tmp_path))
    with TestClient(app) as client:
        login_as(client, roles=["editor"])
        login_as(client, roles=["admin"])
        assert login_as(client).get("/api/users/me").json()["roles"] == ["admin", "editor"]


def test_an_account_with_another_password_needs_it(tmp_path: Path) -> None:
    """The kit can't log in to an account that was made elsewhere unless it is given the password, and says so."""
    app = create_app(make_settings(tmp_path))
    with TestClient(app) as client:
        new = {"email": "bo@example.com", "password": "quite another phrase"}
        assert client.post("/api/users", json=new).status_code == 201
        with pytest.raises(InvalidCredentials, match=r"bo@example\.com was not made by login_as"):
            login_as(client, "bo@example.com")
        login_as(client, "bo@example.com", password=new["password"])
        assert client.get("/api/users/me").json()["email"] == "bo@example.com"


def test_the_app_has_to_run(tmp_path: Path) -> None:
    """Without `running` or `with TestClient` the kit says what is missing instead of waiting for ever."""
    app = create_app(make_settings(tmp_path))
    with pytest.raises(RuntimeError, match="not open"):
        login_as(app.state.pages.test_client())
    app.state.auth.passwords.close()


def test_a_page_without_a_form_has_no_token(tmp_path: Path) -> None:
    """csrf_token names the page on which it found nothing."""
    app = create_app(make_settings(tmp_path))
    with TestClient(app) as client, pytest.raises(LookupError, match="/nowhere: status 404"):
        csrf_token(client, "/nowhere")
