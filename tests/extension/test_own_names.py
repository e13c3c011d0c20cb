"""What a team keeps in Flask's `g`, request, environ and session is its own, and changes nobody's login."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Blueprint, Flask, g, request, session, url_for
from structlog.testing import capture_logs

from app.auth.policy import PolicyError, public
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, csrf_token, login_as, make_settings
from app.web.context import current_principal, current_user
from tests.extension.beside import beside
from tests.kit.building import page, start, with_blueprint

PUBLIC_URL = "https://duet.example"
NAMES = ("user", "principal", "caller", "person", "session", "visit", "duet", "auth", "nav_links", "drawn_for")


def _team() -> Extension:
    """A blueprint in flaskr's manner, whose hooks take every name that they like."""
    blueprint = Blueprint("team", __name__, url_prefix="/team")

    @blueprint.before_app_request
    def load_logged_in_user() -> None:
        for name in NAMES:
            setattr(g, name, None if "nobody" in request.args else {"username": "flaskr's own"})
            setattr(request, name, None)
            request.environ[name] = None

    @blueprint.get("/who")
    def who() -> str:
        return f"{current_principal.user_id} {current_user().email} {g.user}"

    @blueprint.get("/log-in")
    @public
    def flaskr_log_in() -> dict[str, Any]:
        session.clear()
        session["user_id"] = 7
        session["access_token"] = "somebody else's"
        session["~access_token"] = "another one's"
        return dict(session)

    @blueprint.get("/kept")
    @public
    def kept() -> dict[str, Any]:
        return dict(session)

    @blueprint.get("/fill/<int:size>")
    @public
    def fill(size: int) -> str:
        session["cart"] = secrets.token_hex(size // 2)  # which can't be compressed well
        return "filled"

    @blueprint.get("/empty-environ")
    @public
    def empty_environ() -> str:
        request.environ.clear()
        return "emptied"

    @blueprint.get("/say/<int:size>")
    @public
    def say(size: int) -> str:
        flask.flash(secrets.token_hex(size // 2))
        return "said"

    @blueprint.get("/external")
    @public
    def external() -> dict[str, str]:
        with flask.current_app.app_context():
            outside = url_for("team.who", _external=True)
        return {
            "absolute": url_for(".who", _external=True, _anchor="top", q="ö"),
            "schemed": url_for("team.who", _scheme="http", _external=True),
            "in a template": flask.render_template_string("{{ url_for('team.who', _external=True) }}"),
            "nested": outside,
            "relative": url_for("team.who"),
        }

    return Extension("team", blueprints=[blueprint])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The app, running."""
    app = create_app(make_settings(tmp_path_factory.mktemp("duet")), extensions=[_team()])
    with TestClient(app, follow_redirects=False) as one:
        yield one


@pytest.fixture
def client(made: TestClient) -> TestClient:
    """Ada, with cookies of her own."""
    return login_as(beside(made, follow_redirects=False), name="Ada")


@pytest.mark.parametrize(
    "path", ["/", "/account", "/account/sessions", "/team/who", "/?nobody", "/account?nobody"]
)
def test_a_team_s_names_break_no_page(client: TestClient, path: str) -> None:
    """`g.user`, `g.principal = None` and any other name leave Duet's pages and the login as they are."""
    answer = client.get(path)
    assert answer.status_code == 200
    me = client.get("/session").json()["user"]
    assert me is not None
    assert me in answer.text


def test_a_view_may_empty_the_environ(client: TestClient) -> None:
    """Its answer is sent, with a body to GET and without one to HEAD."""
    assert client.get("/team/empty-environ").text == "emptied"
    assert client.head("/team/empty-environ").content == b""


def test_a_team_s_session_keys_are_not_the_login(client: TestClient) -> None:
    """`session.clear()` ends no login, and `session["access_token"]` is none; both are kept as they were."""
    token = csrf_token(client, "/account")
    found = client.get("/team/log-in").json()
    assert (found["user_id"], found["access_token"]) == (7, "somebody else's")
    assert client.get("/account").status_code == 200
    assert client.get("/team/kept").json()["~access_token"] == "another one's"
    saved = client.post("/account", data={"name": "Ada L.", "csrf_token": token})
    assert saved.status_code == 303, "a form that was open is lost"
    client.post("/logout", data={"csrf_token": csrf_token(client, "/account")})
    assert "user_id" not in client.get("/team/kept").json()
    assert client.get("/account").status_code == 303


def test_a_stranger_s_access_token_is_nobody_s_login(made: TestClient) -> None:
    """A team may keep another service's token for people who are not signed in here."""
    stranger = beside(made, follow_redirects=False)
    stranger.get("/team/log-in")
    assert stranger.get("/team/kept").json()["access_token"] == "somebody else's"
    assert "Please log in." in beside(made, cookies=stranger.cookies).get("/account").text


def test_s16_a_session_that_browsers_would_drop_is_refused(client: TestClient) -> None:
    """The author is told what to do, the page is a 500, and the person stays signed in with the cookie before."""
    assert client.get("/team/fill/2000").status_code == 200
    assert len(client.cookies["session"]) > 1500
    before = client.cookies["session"]
    with capture_logs() as lines:
        answer = client.get("/team/fill/8000")
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (500, None)
    (failure,) = [line for line in lines if line["event"] == "request_failed"]
    assert failure["log_level"] == "error"
    assert client.cookies["session"] == before
    assert client.get("/account").status_code == 200


def test_there_is_always_room_for_duet_s_own(made: TestClient) -> None:
    """What a view may keep leaves room for the login page's token; too long a message is lost, and logged."""
    stranger = beside(made, follow_redirects=False)
    largest = max(size for size in range(4000, 8000, 100) if stranger.get(f"/team/fill/{size}").status_code == 200)
    assert largest > 4000
    assert csrf_token(stranger, "/login")
    with capture_logs() as lines:
        assert stranger.get("/team/say/4000").status_code == 200
    assert "session_too_large" in [line["event"] for line in lines]
    assert stranger.get("/team/kept").json()["cart"]


def test_the_refusal_of_a_large_session_names_its_keys(made: TestClient) -> None:
    """The exception says how large the cookie is, what browsers keep, and which keys are large, but no value."""
    pages: Flask = made.app.state.pages  # type: ignore[attr-defined]
    with pages.test_client() as one, pytest.raises(Exception, match=r"'cart' \(8\d\d\d characters\)") as caught:
        one.get("/team/fill/8100")
    assert "database" in str(caught.value)
    assert len(str(caught.value)) < 500


# Links


@pytest.mark.parametrize("host", ["evil.example", "EVIL.example", "localhost:8000"])
def test_s24_absolute_links_are_those_of_public_url(tmp_path: Path, host: str) -> None:
    """A link for a mail has the host and scheme of PUBLIC_URL, whatever the request says."""
    app = create_app(make_settings(tmp_path, public_url=PUBLIC_URL), extensions=[_team()])
    with TestClient(app, headers={"Host": host}) as one:
        links = one.get("/team/external").json()
    assert links == {
        "absolute": f"{PUBLIC_URL}/team/who?q=%C3%B6#top",
        "schemed": "http://duet.example/team/who",
        "in a template": f"{PUBLIC_URL}/team/who",
        "nested": f"{PUBLIC_URL}/team/who",
        "relative": "/team/who",
    }
    with app.state.pages.app_context():  # such as a command
        assert url_for("team.who") == f"{PUBLIC_URL}/team/who"


# What Duet set


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSION_COOKIE_NAME", "mine"),
        ("SESSION_COOKIE_SAMESITE", "None"),
        ("SECRET_KEY", "mine"),
        ("WTF_CSRF_ENABLED", False),
        ("WTF_CSRF_CHECK_DEFAULT", False),
        ("SERVER_NAME", "evil.example"),
        ("PROPAGATE_EXCEPTIONS", False),
        ("SESSION_TYPE", "redis"),
    ],
)
def test_a_changed_setting_of_duet_s_stops_the_start(tmp_path: Path, name: str, value: Any) -> None:
    """An extension that sets what sessions, forms or errors depend on is refused in one line that names it."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.record(lambda state: state.app.config.update({name: value}))

    with pytest.raises(PolicyError, match=f"config.*{name}"):
        start(tmp_path, with_blueprint(fill))


def test_another_keeper_of_sessions_stops_the_start(tmp_path: Path) -> None:
    """Flask-Session and its like would keep the login where the API can't read it."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.record(lambda state: setattr(state.app, "session_interface", object()))

    with pytest.raises(PolicyError, match="session_interface"):
        start(tmp_path, with_blueprint(fill))


def test_a_team_s_own_settings_are_kept(tmp_path: Path) -> None:
    """What is not Duet's may be set."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/team", view_func=page)
        blueprint.record(lambda state: state.app.config.update(TEAM_COLOUR="red"))

    assert start(tmp_path, with_blueprint(fill)).state.pages.config["TEAM_COLOUR"] == "red"
