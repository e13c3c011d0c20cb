"""Sensitive actions ask for the password again, and then lead back to where the person was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Blueprint, request

from app.auth.policy import require
from app.extension import Extension
from tests.kit.cookies import make_stale, session_id_of
from tests.kit.duet import PASSWORD, Running, make_settings, messages, running
from tests.web.conftest import Visit

TOKENS = "/account/tokens"
AGAIN = "Thank you. What you sent before was not done yet: please send it again."
TOKEN = {"name": "report", "expires_in_days": "90"}


def make_vault() -> Blueprint:
    """A page and a form that need a fresh login, and a form whose page is at another address."""
    blueprint = Blueprint("vault", __name__, url_prefix="/vault")

    @blueprint.get("/door")
    @require(fresh=timedelta(minutes=15))
    def door() -> str:
        return f"open {request.args.get('q', '')}"

    @blueprint.post("/lock")
    @require(fresh=timedelta(minutes=15))
    def lock() -> str:
        return "locked"

    return blueprint


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with a vault."""
    settings = make_settings(tmp_path_factory.mktemp("duet"))
    with running(settings, extensions=[Extension("vault", blueprints=[make_vault()])]) as one:
        yield one


def test_a_fresh_login_does_what_it_wants(visit: Visit, email: str) -> None:
    """Within fifteen minutes of the login the password is not asked for."""
    browser = visit(email)
    assert browser.submit(TOKENS, **TOKEN).status_code == 200
    assert "confirm your password" not in browser.get(TOKENS).text


def test_a_page_that_wants_a_fresh_login(shared: Running, visit: Visit, email: str) -> None:
    """The password leads back to the page's address, including its query."""
    browser = visit(email)
    make_stale(shared, browser)
    answer = browser.get("/vault/door?q=1%26&x")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/reauthenticate?next=/vault/door?q%3D1%2526%26x",
    )
    again = browser.submit("/reauthenticate", password=PASSWORD, next="/vault/door?q=1%26&x")
    assert again.headers["Location"] == "/vault/door?q=1%26&x"
    assert browser.get(again.headers["Location"]).text == "open 1&"


def test_a_form_leads_back_to_its_page(shared: Running, visit: Visit, email: str) -> None:
    """What was sent is not done; after the password the person is on the form's page and is told so."""
    browser = visit(email)
    make_stale(shared, browser)
    page = browser.get(TOKENS)
    assert page.status_code == 200
    assert "confirm your password" in page.text
    answer = browser.submit(TOKENS, **TOKEN)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/reauthenticate?next={TOKENS}&unsent=1",
    )
    asked = browser.get(answer.headers["Location"])
    assert "What you sent was not done yet" in asked.text
    wrong = browser.submit("/reauthenticate", password="wrong", next=TOKENS, unsent="1")
    assert (wrong.status_code, 'name="unsent" value="1"' in wrong.text) == (422, True)
    back = browser.submit("/reauthenticate", password=PASSWORD, next=TOKENS, unsent="1")
    assert back.headers["Location"] == TOKENS
    page = browser.get(TOKENS)
    assert messages(page.text) == [AGAIN]
    assert "You have no tokens." in page.text
    assert browser.submit(TOKENS, **TOKEN).status_code == 200


@pytest.mark.parametrize(
    ("referer", "target"),
    [
        ("{url}/account/tokens?from=mail", "/account/tokens?from%3Dmail"),
        ("http://127.0.0.1:8000/account/tokens", "/account/tokens"),  # PUBLIC_URL
        ("https://evil.example/account/tokens", None),
        ("{url}.evil.example/account", None),
        ("{url}//evil.example/", None),
        ("{url}/\\evil.example/", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_a_form_without_a_page_at_its_address(
    shared: Running, visit: Visit, email: str, referer: str, target: str | None
) -> None:
    """The Referer says where the form was, if that is a page of this site; otherwise the password leads home."""
    browser = visit(email)
    make_stale(shared, browser)
    for path in ("/vault/lock", f"{TOKENS}/some-id/remove"):
        token = browser.csrf_token("/account")
        headers = {"Referer": referer.replace("{url}", shared.url)} if referer else {}
        answer = browser.post(path, data={"csrf_token": token}, headers=headers)
        expected = f"/reauthenticate?next={target}&unsent=1" if target else "/reauthenticate?unsent=1"
        assert (answer.status_code, answer.headers["Location"]) == (303, expected)


def test_the_password_is_proven_in_this_session_alone(shared: Running, visit: Visit, email: str) -> None:
    """Another session of the same person stays as old as it was; this session goes on, and is not a new login."""
    browser, other = visit(email), visit(email)
    for one in (browser, other):
        make_stale(shared, one)
        one.get("/account")  # renews the token, but not the proof of the password
    before = session_id_of(shared, browser)
    browser.submit("/reauthenticate", password=PASSWORD)
    assert session_id_of(shared, browser) == before
    assert browser.get("/vault/door").status_code == 200
    assert other.get("/vault/door").status_code == 303
