"""Parts of a page that a script asks for after the login is over, and forms without a CSRF token."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Blueprint
from structlog.testing import capture_logs

from app.auth.policy import public, require
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, csrf_token, login_as, make_settings
from tests.extension.beside import beside

#: What TestClient calls its host.
HERE = "http://testserver"


def _team() -> Extension:
    blueprint = Blueprint("team", __name__, url_prefix="/team")

    @blueprint.route("/part", methods=["GET", "POST"])
    def part() -> str:
        return "<p>a part</p>"

    @blueprint.post("/fresh")
    @require(fresh=timedelta())
    def fresh() -> str:
        return "fresh"

    @blueprint.get("/page/<token>")
    @public
    def page(token: str) -> str:
        return token

    @blueprint.post("/form/<token>")
    @public
    def form(token: str) -> str:
        return token

    return Extension("team", blueprints=[blueprint])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The app, running, on the machine of whoever develops it."""
    app = create_app(make_settings(tmp_path_factory.mktemp("duet")), extensions=[_team()])
    with TestClient(app, follow_redirects=False) as one:
        yield one


@pytest.fixture
def stranger(made: TestClient) -> TestClient:
    """Somebody without a login."""
    return beside(made, follow_redirects=False)


@pytest.fixture
def ended(made: TestClient) -> TestClient:
    """A browser whose session has ended elsewhere."""
    client = login_as(beside(made, follow_redirects=False))
    other = beside(made, follow_redirects=False, cookies=client.cookies)
    assert other.post("/logout", data={"csrf_token": csrf_token(other, "/account")}).status_code == 303
    return client


SCRIPTS = [
    {"HX-Request": "true"},
    {"X-Requested-With": "XMLHttpRequest"},
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", SCRIPTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_script_is_told_that_the_login_is_over(ended: TestClient, headers: dict[str, str], method: str) -> None:
    """It gets a 401 that says why and where to go, and no login page that it would put into its own page."""
    answer = ended.request(method, "/team/part", headers={**headers, "Referer": f"{HERE}/account?tab=2"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "text/plain; charset=utf-8")
    assert answer.text.startswith("Session expired or invalid. Please log in again.")
    assert answer.headers["HX-Redirect"] == "/login?next=/account?tab%3D2"
    assert answer.headers["WWW-Authenticate"] == "Session"
    assert "no-store" in answer.headers["Cache-Control"]


NAVIGATIONS: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "no-cors"},  # a beacon
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Purpose": "prefetch"},
    {"HX-Request": "true", "Sec-Purpose": "prefetch"},
    {"HX-Request": "false"},
]


@pytest.mark.parametrize("headers", NAVIGATIONS)
def test_everybody_else_is_led_to_the_login(ended: TestClient, headers: dict[str, str]) -> None:
    """Whoever opens a page, or loads an image, gets the redirect as before."""
    answer = ended.get("/team/part", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/team/part")


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ({"HX-Current-URL": f"{HERE}/account", "Referer": f"{HERE}/team/page/x"}, "/account"),
        ({"HX-Current-URL": "http://evil.example/evil", "Referer": f"{HERE}/account"}, "/account"),
        ({"HX-Current-URL": f"{HERE}//evil.example"}, None),
        ({"HX-Current-URL": "javascript:alert(1)"}, None),
        ({"HX-Current-URL": "http://[", "Referer": "http://["}, None),
        ({}, None),
        ({"HX-Boosted": "true", "HX-Current-URL": f"{HERE}/account"}, "/team/part"),
    ],
)
def test_s19_htmx_comes_back_to_a_page_of_this_site(
    ended: TestClient, headers: dict[str, str], target: str | None
) -> None:
    """`next` is the page that the person is on, if it is this site's, or the page that a boosted link opens."""
    answer = ended.get("/team/part", headers={"HX-Request": "true", **headers})
    query = parse_qs(urlsplit(answer.headers["HX-Redirect"]).query)
    assert query.get("next") == (None if target is None else [target])


def test_several_parts_leave_one_message(ended: TestClient) -> None:
    """The login page says once why it is there, however many parts were asked for."""
    for _ in range(3):
        assert ended.get("/team/part", headers={"HX-Request": "true"}).status_code == 401
    assert ended.get("/login").text.count("Please log in") == 1


def test_a_script_is_asked_for_the_password_again(made: TestClient) -> None:
    """A part that needs a fresh login leads to the page that asks for the password, and then back."""
    client = login_as(beside(made, follow_redirects=False))
    headers = {
        "HX-Request": "true",
        "HX-Current-URL": f"{HERE}/account",
        "X-CSRFToken": csrf_token(client, "/account"),
    }
    answer = client.post("/team/fresh", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/reauthenticate?next=/account")


# Forms without a token


def test_the_author_of_a_form_without_a_token_is_told(stranger: TestClient) -> None:
    """On their own machine the page, and everywhere the log, says what is missing and where, by rules."""
    with capture_logs() as lines:
        answer = stranger.post("/team/form/t0ken", headers={"Referer": f"{HERE}/team/page/s3cret?x"})
    assert answer.status_code == 400
    text = html.unescape(answer.text)
    assert "The form on /team/page/<token> was sent to POST /team/form/<token> (team.form) without" in text
    assert "{{ form.hidden_tag() }}" in text
    assert '<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">' in text
    (line,) = [line for line in lines if line["event"] == "csrf_token_missing"]
    assert line == {
        "event": "csrf_token_missing",
        "log_level": "warning",
        "endpoint": "team.form",
        "sent_to": "POST /team/form/<token>",
        "page": "/team/page/<token>",
        "why": line["why"],
    }
    assert "csrf_token()" in line["why"]


@pytest.mark.parametrize("referer", ["", "http://evil.example/team/page/x", f"{HERE}/nowhere", "http://["])
def test_a_form_of_an_unknown_page_is_told_of_as_well(stranger: TestClient, referer: str) -> None:
    """Where it came from is left out if it is not known."""
    text = html.unescape(stranger.post("/team/form/x", headers={"Referer": referer}).text)
    assert "The form was sent to POST /team/form/<token>" in text


def test_others_are_not_told_how_a_form_is_made(stranger: TestClient, tmp_path: Path) -> None:
    """For a token that does not count, a form of Duet's own or a site for others, the form is out of date."""
    for path, data in (("/team/form/x", {"csrf_token": "old"}), ("/login", {})):
        text = stranger.post(path, data=data).text
        assert "This form is out of date" in text
        assert "hidden_tag" not in text
    settings = make_settings(tmp_path, public_url="https://duet.example")
    with TestClient(create_app(settings, extensions=[_team()])) as people, capture_logs() as lines:
        text = people.post("/team/form/x").text
    assert "This form is out of date" in text
    assert "hidden_tag" not in text
    assert "csrf_token_missing" in [line["event"] for line in lines]
