"""Flask's cookie: its attributes, what it contains, and where it counts (security.md, items 15, 16, 20, 21)."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from app.auth.models import Client
from tests.kit.cookies import give_cookie, make_cookie, read_cookie, set_cookies
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, messages, running
from tests.web.conftest import Visit

MAX_BYTES = 4096


def test_over_http_the_cookie_is_marked(visit: Visit, email: str) -> None:
    """It is HttpOnly and SameSite=Lax, covers the whole site and no other host, and outlives the window."""
    browser = visit()
    cookie = set_cookies(browser.log_in(email))["session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["secure"], cookie["domain"]) == ("", "")
    assert cookie["expires"]


def test_over_https_the_cookie_is_host_bound_and_secure(tmp_path: Path) -> None:
    """It has `__Host-`, Secure, no Domain and Path=/, so no other host and no page without TLS can set it."""
    with running(make_settings(tmp_path, public_url="https://duet.example")) as duet:
        duet.make_user()
        with Browser(duet.url, verify=False) as browser:
            page = browser.get("/login")
            before = set_cookies(page)["__Host-session"]
            token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
            form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
            headers = {"Cookie": f"__Host-session={before.value}"}
            found = set_cookies(browser.post("/login", data=form, headers=headers))
            assert set(found) == {"__Host-session", "__Host-duet_device"}
            for cookie in (before, found["__Host-session"]):
                flags = (
                    cookie["secure"],
                    cookie["httponly"],
                    cookie["samesite"],
                    cookie["path"],
                    cookie["domain"],
                )
                assert flags == (True, True, "Lax", "/", "")
            value = found["__Host-session"].value
            assert browser.get("/account", headers={"Cookie": f"__Host-session={value}"}).status_code == 200
            assert browser.get("/account", headers={"Cookie": f"session={value}"}).status_code == 303


def test_the_cookie_holds_no_secret(shared: Running, visit: Visit, email: str) -> None:
    """It holds an access token, a CSRF token and its lifetime's kind, but no password and no refresh token."""
    browser = visit(email)
    browser.get("/account")
    values = read_cookie(shared, browser.cookies["session"])
    assert set(values) == {"access_token", "csrf_token", "_permanent"}
    browser.submit("/reauthenticate", password=PASSWORD)
    assert set(read_cookie(shared, browser.cookies["session"])) == {"access_token", "csrf_token", "_permanent"}
    (session,) = shared.wait(shared.auth.sessions.of(shared.auth.sessions.authenticate(values["access_token"])))
    assert PASSWORD not in str(values)
    assert session.nonce not in str(values)


def test_the_cookie_stays_small(shared: Running, visit: Visit, email: str) -> None:
    """With twenty roles, an open form and unseen messages it stays below the 4,096 bytes that browsers keep."""
    user = shared.wait(shared.auth.accounts.find(email))
    roles = [f"department-{number:02}" for number in range(20)]
    shared.wait(shared.auth.administration.set_roles(user.id, roles, Client("test")))
    browser = visit(email)
    browser.get("/account")
    token = browser.csrf_token("/account")
    longest = 0
    for number in range(12):  # each leaves a message that no page shows
        answer = browser.post("/account", data={"csrf_token": token, "name": f"Ada {number}"})
        assert answer.status_code == 303
        longest = max(longest, *(len(header) for header in answer.headers.get_list("Set-Cookie")))
    assert 0 < longest < MAX_BYTES
    page = browser.get("/account")
    assert page.status_code == 200
    assert "Your name was saved." in messages(page.text)


def test_the_cookie_is_no_bearer_token(shared: Running, visit: Visit, email: str) -> None:
    """Sent as an Authorization header it is a 401, even when the cookie itself is sent beside it."""
    browser = visit(email)
    cookie = browser.cookies["session"]
    headers = {"Authorization": f"Bearer {cookie}"}
    answer = httpx.get(f"{shared.url}/api/users/me", headers=headers, verify=False)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert browser.get("/api/users/me", headers=headers).status_code == 401


def test_pages_ignore_an_authorization(shared: Running, visit: Visit, email: str) -> None:
    """A good bearer token opens no page, and a bad one closes none."""
    with ApiClient(shared.url, verify=False) as program:
        program.log_in(email)
        token = program.access_token
    assert visit().get("/account", headers={"Authorization": f"Bearer {token}"}).status_code == 303
    browser = visit(email)
    for value in ("Bearer rubbish", "Basic eDp5", f"Bearer {token}"):
        assert browser.get("/account", headers={"Authorization": value}).status_code == 200


def test_two_session_cookies_are_none(shared: Running, visit: Visit, email: str) -> None:
    """One of the two may have been planted by another host, so neither is believed, in any order and form."""
    shared.make_user(f"b-{email}")
    mine, planted = visit(email).cookies["session"], visit(f"b-{email}").cookies["session"]
    stranger = visit()
    one, two = f"session={mine}", f"session={planted}"
    for headers in (
        [("Cookie", f"{one}; {two}")],
        [("Cookie", f"{two}; {one}")],
        [("Cookie", one), ("Cookie", two)],
        [("Cookie", f"{one}; other=1; session =x")],
        [("Cookie", f"{one}; session=")],
    ):
        answer = stranger.get("/account", headers=headers)
        assert answer.status_code == 303, headers
    assert stranger.get("/account", headers=[("Cookie", f"{one}; xsession=1; Session=2")]).status_code == 200


def test_what_is_signed_for_another_purpose_is_no_session(shared: Running, visit: Visit, email: str) -> None:
    """A CSRF token, or what an extension signed with the app's key, is not accepted as the session cookie."""
    browser = visit(email)
    pages = shared.app.state.pages
    values = read_cookie(shared, browser.cookies["session"])
    forged = str(URLSafeTimedSerializer(pages.config["SECRET_KEY"], salt="duet.web-session").dumps(values))
    for value in (forged, browser.csrf_token("/account")):
        stranger = visit()
        give_cookie(stranger, value)
        assert stranger.get("/account").status_code == 303
    give_cookie(browser, make_cookie(shared, values))
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize("path", ["/", "/account", "/account/sessions", "/login", "/register", "/nowhere"])
def test_pages_are_kept_by_no_cache(visit: Visit, email: str, path: str) -> None:
    """Pages carry `no-store` and `Vary: Cookie`, whether or not somebody is logged in (CVE-2023-30861)."""
    for browser in (visit(), visit(email)):
        answer = browser.get(path)
        with_cookie = "Set-Cookie" in answer.headers
        assert answer.headers["Cache-Control"] == ("private, no-store" if with_cookie else "no-store")
        assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize(("signed_in", "status"), [(3600, 200), (-91 * 86_400, 303)], ids=["ahead", "old"])
def test_a_cookie_is_too_old_or_of_another_clock(
    shared: Running, visit: Visit, email: str, monkeypatch: pytest.MonkeyPatch, signed_in: int, status: int
) -> None:
    """A cookie older than the longest session does not count. One from a clock that is ahead does: the clocks
    of two containers differ slightly, and a machine's clock may be set back."""
    browser = visit(email)
    values = read_cookie(shared, browser.cookies["session"])
    with monkeypatch.context() as ahead:
        ahead.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + signed_in)
        cookie = make_cookie(shared, values)
    give_cookie(browser, cookie)
    assert browser.get("/account").status_code == status
