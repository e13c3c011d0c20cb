"""Every way to choose a password, on pages and over the API, and whether a password opens an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from app.auth.models import Client, LinkPurpose
from tests.kit import wire
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running

_CLIENT = Client("test")


class Choice(NamedTuple):
    """The result of a choice."""

    is_taken: bool
    text: str


#: Chooses a password for the account of an email address, which it creates if necessary.
Way = Callable[[Running, str, str], Choice]


def _of_page(answer: httpx.Response) -> Choice:
    assert answer.status_code in (303, 422), answer.status_code
    return Choice(answer.status_code == 303, answer.text)


def _of_api(answer: httpx.Response) -> Choice:
    assert answer.status_code in (201, 204, 400, 422), answer.text
    return Choice(answer.status_code in (201, 204), answer.text)


def register_page(duet: Running, email: str, password: str) -> Choice:
    """Registers a new account on the page."""
    with Browser(duet.url, verify=False) as browser:
        return _of_page(browser.submit("/register", email=email, name="", password=password))


def register_api(duet: Running, email: str, password: str) -> Choice:
    """Registers a new account over the API."""
    return _of_api(post(duet, "/api/users", json={"email": email, "password": password}))


def change_page(duet: Running, email: str, password: str) -> Choice:
    """Changes the password on the page, while logged in."""
    duet.make_user(email, name="")
    with Browser(duet.url, verify=False) as browser:
        browser.log_in(email)
        form = {"current_password": PASSWORD, "new_password": password}
        return _of_page(browser.submit("/account/password", **form))


def change_api(duet: Running, email: str, password: str) -> Choice:
    """Changes the password over the API."""
    duet.make_user(email, name="")
    with ApiClient(duet.url, verify=False) as api:
        api.log_in(email)
        body = {"current_password": PASSWORD, "new_password": password}
        return _of_api(api.post("/api/users/me/password", json=body))


def reset_page(duet: Running, email: str, password: str) -> Choice:
    """Resets a forgotten password on the page, by the link in a mail."""
    token = _reset_token(duet, email)
    with Browser(duet.url, verify=False) as browser:
        return _of_page(browser.submit(f"/reset-password/{token}", new_password=password))


def reset_api(duet: Running, email: str, password: str) -> Choice:
    """Resets a forgotten password over the API."""
    body = {"token": _reset_token(duet, email), "password": password}
    return _of_api(post(duet, "/api/auth/reset-password", json=body))


def invite_page(duet: Running, email: str, password: str) -> Choice:
    """Accepts an invitation on the page."""
    token = invitation(duet, email)
    with Browser(duet.url, verify=False) as browser:
        return _of_page(browser.submit(f"/invite/{token}", email=email, name="", password=password))


def invite_api(duet: Running, email: str, password: str) -> Choice:
    """Accepts an invitation over the API."""
    body = {"email": email, "password": password, "invite": invitation(duet, email)}
    return _of_api(post(duet, "/api/users", json=body))


def _reset_token(duet: Running, email: str) -> str:
    """The token as `forgot` makes it, without waiting for the mail."""
    user = duet.make_user(email, name="")
    links = duet.auth.credentials.links
    token: str = links.token(duet.wait(links.make(LinkPurpose.RESET_PASSWORD, user_id=user.id, email=email)))
    return token


def invitation(duet: Running, email: str) -> str:
    """The token of a new invitation for that email address."""
    invitations = duet.auth.invitations
    url: str = invitations.url(duet.wait(invitations.invite(None, _CLIENT, email=email)))
    return url.rpartition("/")[2]


WAYS: tuple[Way, ...] = (
    register_page,
    register_api,
    change_page,
    change_api,
    reset_page,
    reset_api,
    invite_page,
    invite_api,
)


def post(duet: Running, path: str, **given: Any) -> httpx.Response:
    """A POST on a new connection."""
    return wire.post(duet.url + path, **given)


def try_api(duet: Running, email: str, password: str, **given: Any) -> httpx.Response:
    """Tries to log in over the API, as a program that keeps nothing."""
    form = {"grant_type": "password", "username": email, "password": password}
    return post(duet, "/api/auth/token", data=form, **given)


def try_page(duet: Running, email: str, password: str, **given: Any) -> httpx.Response:
    """Tries to log in on the page, as a browser that was never here."""
    with Browser(duet.url, verify=False, **given) as browser:
        return browser.log_in(email, password)


def logs_in(duet: Running, email: str, password: str) -> bool:
    """Whether that password opens the account; both halves must agree."""
    both = try_page(duet, email, password).status_code, try_api(duet, email, password).status_code
    assert both in ((303, 200), (401, 400)), both
    return both == (303, 200)
