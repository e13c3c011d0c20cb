"""Logging in and out on the pages: where it leads, what it says, and what it ends."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from app.auth.models import Client
from tests.kit.cookies import age, give_cookie, make_cookie, read_cookie, session_id_of, set_cookies, token_of
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, messages
from tests.web.conftest import Visit

OVER = "Session expired or invalid. Please log in again."
CLIENT = Client("test")


def reason(browser: Browser, path: str = "/account/sessions?from=mail") -> list[str]:
    """The messages on the login page that `path` leads to."""
    answer = browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=/account/sessions?from%3Dmail")
    return messages(browser.get(answer.headers["Location"]).text)


def test_a_login_leads_to_where_the_person_was_going(visit: Visit, email: str) -> None:
    """After the login the person is on the page that asked for it, with its query."""
    browser = visit()
    assert reason(browser) == ["Please log in."]
    answer = browser.log_in(email, next="/account/sessions?from=mail")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sessions?from=mail")
    assert browser.get("/account/sessions?from=mail").status_code == 200


def test_a_message_is_shown_once(visit: Visit) -> None:
    """The login page shows no message when it is opened again."""
    browser = visit()
    assert reason(browser) == ["Please log in."]
    assert messages(browser.get("/login").text) == []


def log_out_elsewhere(shared: Running, browser: Browser) -> None:
    with Browser(shared.url, verify=False) as copy:
        give_cookie(copy, browser.cookies["session"])
        assert copy.log_out().status_code == 303


def change_password_elsewhere(shared: Running, browser: Browser) -> None:
    user_id = shared.auth.sessions.authenticate(token_of(shared, browser)).user_id
    shared.wait(shared.auth.credentials.set_password(user_id, PASSWORD + " 2", CLIENT))


def disable(shared: Running, browser: Browser) -> None:
    user_id = shared.auth.sessions.authenticate(token_of(shared, browser)).user_id
    shared.wait(shared.auth.administration.set_active(user_id, False, CLIENT))


def delete(shared: Running, browser: Browser) -> None:
    user_id = shared.auth.sessions.authenticate(token_of(shared, browser)).user_id
    shared.wait(shared.auth.administration.delete(user_id, CLIENT))


def end_on_the_api(shared: Running, browser: Browser) -> None:
    headers = {"Authorization": f"Bearer {token_of(shared, browser)}"}
    path = f"/api/users/me/sessions/{session_id_of(shared, browser)}"
    assert httpx.delete(shared.url + path, headers=headers, verify=False).status_code == 204


@pytest.mark.parametrize("expired", [False, True], ids=["current", "expired"])
@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (log_out_elsewhere, "You logged out."),
        (change_password_elsewhere, "The password was changed."),
        (disable, "The account is disabled."),
        (delete, "The account was deleted."),
        (end_on_the_api, "The session was ended."),
    ],
)
def test_the_login_says_why(
    shared: Running, visit: Visit, email: str, happens: Callable[..., None], why: str, expired: bool
) -> None:
    """However a session ended, the login says so, with the token current at that time and with an older one."""
    browser = visit(email)
    if expired:
        old = Browser(shared.url, verify=False)
        give_cookie(old, browser.cookies["session"])
        cookie = age(shared, old)
        happens(shared, browser)
        give_cookie(browser, cookie)
        old.close()
    else:
        happens(shared, browser)
    assert reason(browser) == [f"{OVER} {why}"]


def test_a_tampered_cookie_is_no_session(shared: Running, visit: Visit, email: str) -> None:
    """After a changed character, a cut or another key's signature the session is invalid, not merely missing."""
    value = visit(email).cookies["session"]
    start, _, end = value.rpartition(".")
    flipped = ("B" if end[0] == "A" else "A") + end[1:]
    for bad in (f"{start}.{flipped}", value[:-4], "x" + value[1:], "rubbish", f"{start}.", value + "A"):
        browser = visit()
        give_cookie(browser, bad)
        assert reason(browser) == [OVER], bad


def test_a_session_of_nobody_is_not_called_expired(visit: Visit) -> None:
    """A cookie with a form's CSRF token and nothing else belongs to nobody, who is told 'Please log in.'"""
    browser = visit()
    browser.csrf_token()
    assert reason(browser) == ["Please log in."]


def test_a_signed_cookie_with_a_bad_token_is_invalid(shared: Running, visit: Visit) -> None:
    """A token in the cookie is checked like any other token."""
    for token in ("rubbish", "a.b.c", ""):
        browser = visit()
        give_cookie(browser, make_cookie(shared, {"access_token": token}))
        assert reason(browser) == [OVER], token


def test_an_expired_token_is_renewed_unnoticed(shared: Running, visit: Visit, email: str) -> None:
    """The page is shown, and the new cookie holds a valid token of the same session."""
    browser = visit(email)
    session_id = session_id_of(shared, browser)
    cookie = age(shared, browser)
    answer = browser.get("/account/sessions")
    assert answer.status_code == 200
    assert set_cookies(answer)["session"].value != cookie
    assert session_id_of(shared, browser) == session_id
    assert not set_cookies(browser.get("/account/sessions")), "the cookie is written when it changed, and no more"


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Mode": mode} for mode in ("no-cors", "cors", "same-origin", "websocket")]
    + [{"Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch;prerender"}],
    ids=str,
)
def test_only_a_navigation_leaves_a_message(
    shared: Running, visit: Visit, email: str, headers: dict[str, str]
) -> None:
    """A request for an image, by a script or for a prefetch neither uses the reason up nor piles up messages."""
    browser = visit(email)
    end_on_the_api(shared, browser)
    for _ in range(3):
        assert browser.get("/account/sessions?from=mail", headers=headers).status_code == 303
    assert reason(browser) == [f"{OVER} The session was ended."]


def test_no_message_is_lost_to_a_form_that_needs_a_login(shared: Running, visit: Visit, email: str) -> None:
    """A form that is sent after the session ended leads to the login, without a `next` to be posted to again."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    end_on_the_api(shared, browser)
    answer = browser.post("/account", data={"csrf_token": token, "name": "Eve"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert messages(browser.get("/login").text) == [f"{OVER} The session was ended."]


def test_somebody_who_is_signed_in_does_not_see_the_login(visit: Visit, email: str) -> None:
    """The login page redirects at once, to `next` if that is safe."""
    browser = visit(email)
    assert browser.get("/login?next=/account").headers["Location"] == "/account"
    assert browser.get("/login?next=//evil.example").headers["Location"] == "/"


def test_a_login_starts_a_new_session(shared: Running, visit: Visit, email: str) -> None:
    """Neither a planted cookie nor the CSRF token in it survives the login (session fixation)."""
    browser = visit()
    token = browser.csrf_token()
    planted = read_cookie(shared, browser.cookies["session"])
    before = browser.cookies["session"]
    assert (
        browser.post("/login", data={"csrf_token": token, "email": email, "password": PASSWORD}).status_code == 303
    )
    assert browser.cookies["session"] != before
    page = browser.get("/account")
    assert page.status_code == 200
    after = read_cookie(shared, browser.cookies["session"])
    assert after["csrf_token"] != planted["csrf_token"]
    assert browser.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code == 400
    attacker = visit()
    give_cookie(attacker, before)
    assert attacker.get("/account").status_code == 303


def test_logging_in_again_ends_the_session_before(shared: Running, visit: Visit, email: str) -> None:
    """A second login in one browser ends the first, for its token and for anyone who copied its cookie."""
    browser, copy = visit(email), visit()
    give_cookie(copy, browser.cookies["session"])
    token = token_of(shared, browser)
    csrf_token = browser.csrf_token("/account")
    form = {"csrf_token": csrf_token, "email": email, "password": PASSWORD}
    assert browser.post("/login", data=form).status_code == 303
    assert browser.get("/account").status_code == 200
    assert reason(copy) == [f"{OVER} You logged out."]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{shared.url}/api/users/me", headers=headers, verify=False).status_code == 401


def test_a_log_out_ends_the_copied_cookie_and_the_token(shared: Running, visit: Visit, email: str) -> None:
    """Both are dead at once, on both halves; other sessions of the same person go on (V7.4.1)."""
    browser, other, copy = visit(email), visit(email), visit()
    give_cookie(copy, browser.cookies["session"])
    headers = {"Authorization": f"Bearer {token_of(shared, browser)}"}
    assert browser.log_out().headers["Location"] == "/login"
    assert messages(browser.get("/login").text) == ["You are logged out."]
    assert "access_token" not in read_cookie(shared, browser.cookies.get("session") or make_cookie(shared, {}))
    assert copy.get("/").status_code == 303
    assert httpx.get(f"{shared.url}/api/users/me", headers=headers, verify=False).status_code == 401
    assert other.get("/").status_code == 200


def test_a_log_out_by_nobody_is_fine(visit: Visit) -> None:
    """A logout without a session leads to the login as well."""
    answer = visit().submit("/logout", page="/login")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


def test_an_api_token_is_no_web_session(shared: Running, visit: Visit, email: str) -> None:
    """An expired token of an API client is not renewed, even inside a genuine cookie."""
    browser = visit(email)
    with ApiClient(shared.url, verify=False) as program:
        program.log_in(email)
        give_cookie(browser, make_cookie(shared, {"access_token": program.access_token}))
    cookie = age(shared, browser)
    give_cookie(browser, cookie)
    assert reason(browser) == [OVER]
