"""Flask's cookie as its owner, or a thief, may hold it in a test: read, made, replaced and aged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import httpx

from app.auth.tokens import AccessTokens
from app.web.cookies import ACCESS_TOKEN
from tests.auth.house import FakeClock
from tests.kit.duet import Browser, Running


def _serializer(duet: Running) -> Any:
    pages = duet.app.state.pages
    return pages.session_interface.get_signing_serializer(pages)


def read_cookie(duet: Running, value: str) -> dict[str, Any]:
    """Read the values in the cookie."""
    values: dict[str, Any] = _serializer(duet).loads(value)
    return values


def make_cookie(duet: Running, values: dict[str, Any]) -> str:
    """Make a cookie that holds `values`, signed as Flask signs it."""
    text: str = _serializer(duet).dumps(values)
    return text


def give_cookie(browser: Browser, value: str) -> None:
    """Replace the session cookie of a browser."""
    browser.cookies.clear()
    browser.cookies.set("session", value, "127.0.0.1", "/")


def session_id_of(duet: Running, browser: Browser) -> str:
    """The id of the browser's session."""
    return duet.auth.sessions.authenticate(token_of(duet, browser)).session_id


def token_of(duet: Running, browser: Browser) -> str:
    """The access token in a browser's cookie."""
    token: str = read_cookie(duet, browser.cookies["session"])[ACCESS_TOKEN]
    return token


def aged_token(duet: Running, browser: Browser, *, minutes: float = 16) -> str:
    """A token of the browser's session that was issued `minutes` ago, when tokens live for 15."""
    auth = duet.auth
    session, user = duet.wait(auth.sessions.store.session_with_user(session_id_of(duet, browser)))
    earlier = FakeClock()
    earlier.step(minutes=-minutes)
    tokens = AccessTokens(
        auth.signing.book,
        issuer=auth.config.issuer,
        lifetime=auth.config.access_lifetime,
        clock=earlier,
    )
    token, _ = tokens.issue(user, session)
    return token


def age(duet: Running, browser: Browser) -> str:
    """Let the token in a browser's cookie expire, and return the cookie."""
    values = read_cookie(duet, browser.cookies["session"])
    cookie = make_cookie(duet, {**values, ACCESS_TOKEN: aged_token(duet, browser)})
    give_cookie(browser, cookie)
    return cookie


def set_cookies(answer: httpx.Response) -> SimpleCookie:
    """The cookies that an answer sets."""
    found: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("Set-Cookie"):
        found.load(header)
    return found


def forget_renewals(duet: Running) -> int:
    """Drop all renewed tokens that are kept, and return how many there were."""
    kept = duet.auth.renewals._kept
    number = len(kept)
    kept.clear()
    return number


def make_stale(duet: Running, browser: Browser, *, minutes: float = 16) -> None:
    """Move the last proof of the password in a browser's session `minutes` back."""
    before = datetime.now(UTC) - timedelta(minutes=minutes)
    assert duet.wait(duet.auth.sessions.store.set_auth_time(session_id_of(duet, browser), now=before))
    forget_renewals(duet)
    age(duet, browser)  # the token in its place has the new time
