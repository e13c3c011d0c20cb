"""Every way to choose a password, on pages and API, and whether one opens an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from app.auth.models import Client, LinkPurpose
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running

_CLIENT = Client("test")


class Choice(NamedTuple):
    """What came of it."""

    is_taken: bool
    text: str


#: Chooses a password for the account of an address, which it makes if need be.
Way = Callable[[Running, str, str], Choice]


def _of_page(answer: httpx.Response) -> Choice:
    assert answer.status_code in (303, 422), answer.status_code
    return Choice(answer.status_code == 303, answer.text)


def _of_api(answer: httpx.Response) -> Choice:
    assert answer.status_code in (201, 204, 400, 422), answer.text
    return Choice(answer.status_code in (201, 204), answer.text)


def register_page(duet: Running, email: str, password: str) -> Choice:
    """The form for a new account."""
    with Browser(duet.url, verify=False) as browser:
        return _of_page(browser.submit("/register", email=email, name="", password=password))


def register_api(duet: Running, email: str, password: str) -> Choice:
    """The same over the API."""
    return _of_api(post(duet, "/api/users", json={"email": email, "password": password}))


def change_page(duet: Running, email: str, password: str) -> Choice:
    """Somebody who is signed in, on a page."""
    duet.make_user(email, name="")
    with Browser(duet.url, verify=False) as browser:
        browser.log_in(email)
        form = {"current_password": PASSWORD, "new_password": password}
        return _of_page(browser.submit("/account/password", **form))


def change_api(duet: Running, email: str, password: str) -> Choice:
    """The same over the API."""
    duet.make_user(email, name="")
    with ApiClient(duet.url, verify=False) as api:
        api.log_in(email)
        body = {"current_password": PASSWORD, "new_password": password}
        return _of_api(api.post("/api/users/me/password", json=body))


def reset_page(duet: Running, email: str, password: str) -> Choice:
    """Somebody who forgot it, by the link of a mail."""
    token = _reset_token(duet, email)
    with Browser(duet.url, verify=False) as browser:
        return _of_page(browser.submit(f"/reset-password/{token}", new_password=password))


def reset_api(duet: Running, email: str, password: str) -> Choice:
    """The same over the API."""
    body = {"token": _reset_token(duet, email), "password": password}
    return _of_api(post(duet, "/api/auth/reset-password", json=body))


def invite_page(duet: Running, email: str, password: str) -> Choice:
    """Somebody who was invited."""
    token = invitation(duet, email)
    with Browser(duet.url, verify=False) as browser:
        return _of_page(browser.submit(f"/invite/{token}", email=email, name="", password=password))


def invite_api(duet: Running, email: str, password: str) -> Choice:
    """The same over the API."""
    body = {"email": email, "password": password, "invite": invitation(duet, email)}
    return _of_api(post(duet, "/api/users", json=body))


def _reset_token(duet: Running, email: str) -> str:
    """As `forgot` makes it, without waiting for the mail."""
    user = duet.make_user(email, name="")
    links = duet.auth.credentials.links
    token: str = links.token(duet.wait(links.make(LinkPurpose.RESET_PASSWORD, user_id=user.id, email=email)))
    return token


def invitation(duet: Running, email: str) -> str:
    """The token of a new invitation for that address."""
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
    """A POST on a connection of its own."""
    return httpx.post(duet.url + path, verify=False, **given)


def try_api(duet: Running, email: str, password: str, **given: Any) -> httpx.Response:
    """A try to log in to the API, by a program that keeps nothing."""
    form = {"grant_type": "password", "username": email, "password": password}
    return post(duet, "/api/auth/token", data=form, **given)


def try_page(duet: Running, email: str, password: str, **given: Any) -> httpx.Response:
    """A try to log in on the page, by a browser that was never here."""
    with Browser(duet.url, verify=False, **given) as browser:
        return browser.log_in(email, password)


def logs_in(duet: Running, email: str, password: str) -> bool:
    """Whether that password opens the account; both halves must agree."""
    both = try_page(duet, email, password).status_code, try_api(duet, email, password).status_code
    assert both in ((303, 200), (401, 400)), both
    return both == (303, 200)
