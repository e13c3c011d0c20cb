"""One policy for both halves: the same caller meets the same decision on a page and on a route.

The table `EXPECTED` is the whole policy. Where a row differs on pages, `ON_PAGES` says so and why: the gate
renews the access token of a browser's session, which an API client does by itself with its refresh token.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import httpx
import jwt
import pytest
from fastapi import APIRouter
from flask import Blueprint

from app.api.deps import OptionalPrincipal
from app.auth.errors import NotAuthenticated, TokenInvalid, TokenMissing
from app.auth.keys import Purpose
from app.auth.models import API_CLIENT, WEB_CLIENT, Client, Session, TokenPair, User
from app.auth.policy import public, require
from app.auth.tokens import AccessTokens
from app.extension import Extension
from app.web.context import optional_principal
from app.web.cookies import ACCESS_TOKEN
from app.web.errors.errors import PLEASE_LOG_IN, SESSION_OVER
from tests.kit import wire
from tests.kit.duet import PASSWORD, Running, make_settings, messages, running

POLICIES: Final = ("public", "login", "admin", "fresh")
SOMEBODY, NOBODY, NO_ROLE, PASSWORD_AGAIN = "in, as somebody", "in, as nobody", "refused: role", "password again"


def _to_login(code: str) -> tuple[str, str, str, str]:
    """The row of an unauthenticated caller, for the reason `code`."""
    return (NOBODY, f"login: {code}", f"login: {code}", f"login: {code}")


_MEMBER: Final = (SOMEBODY, SOMEBODY, NO_ROLE, SOMEBODY)

#: What each caller gets, under each of `POLICIES`.
EXPECTED: Final = {
    "nobody": _to_login("token_missing"),
    "a member": _MEMBER,
    "an admin": (SOMEBODY, SOMEBODY, SOMEBODY, SOMEBODY),
    "somebody with another role": _MEMBER,
    "a member with a stale login": (SOMEBODY, SOMEBODY, NO_ROLE, PASSWORD_AGAIN),
    "an admin with a stale login": (SOMEBODY, SOMEBODY, SOMEBODY, PASSWORD_AGAIN),
    "a member whose token expired": _to_login("token_expired"),
    "a member whose session and token ended": _to_login("token_expired"),
    "a member whose session was ended": _to_login("session_revoked"),
    "a member who logged out": _to_login("logged_out"),
    "a member whose password was changed": _to_login("password_changed"),
    "a disabled member": _to_login("account_disabled"),
    "a deleted member": _to_login("account_deleted"),
    "an admin who is one no more": _to_login("rights_changed"),
    "a member with a token from the future": _to_login("token_from_future"),
    "somebody with rubbish": _to_login("token_invalid"),
    "somebody with a changed token": _to_login("token_invalid"),
    "somebody with a refresh token": _to_login("token_invalid"),
    "somebody with a token of another purpose's key": _to_login("token_invalid"),
    "somebody with a token of another site": _to_login("token_invalid"),
}

#: The rows that differ on pages. A genuine token that is out of date is renewed there if the session lives, and
#: the
#: renewed one carries the rights that its owner has now.
ON_PAGES: Final = {
    "a member whose token expired": _MEMBER,
    "a member whose session and token ended": _to_login("session_revoked"),
    "an admin who is one no more": _MEMBER,
    "a member with a token from the future": _MEMBER,
}


def _extension() -> Extension:
    """A page and a route under each policy, which report whether they know who is there."""
    markers: dict[str, Callable[[Callable[..., object]], Callable[..., object]]] = {
        "public": public,
        "login": lambda endpoint: endpoint,
        "admin": require(role="admin"),
        "fresh": require(fresh=timedelta(minutes=5)),
    }
    blueprint, router = Blueprint("parity", __name__, url_prefix="/parity"), APIRouter(prefix="/parity")
    for name, marker in markers.items():

        def page() -> str:
            return SOMEBODY if optional_principal() else NOBODY

        async def route(principal: OptionalPrincipal) -> str:
            return SOMEBODY if principal else NOBODY

        blueprint.add_url_rule(f"/{name}", name, marker(page))  # type: ignore[arg-type]
        router.add_api_route(f"/{name}", marker(route))
    return Extension("parity", blueprints=[blueprint], routers=[router])


@dataclass
class _Clock:
    """A clock that stands still."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


@dataclass
class Login:
    """Somebody who has just logged in."""

    duet: Running
    user: User
    session: Session
    pair: TokenPair

    @classmethod
    def begin(cls, duet: Running, caller: str, client_id: str) -> Login:
        """A new account with the roles of `caller`, and a session of it."""
        email = f"{uuid.uuid4().hex}@example.com"
        roles = ["admin"] if "admin" in caller else ["editor"] if "another role" in caller else []
        user = duet.make_user(email, roles=roles)
        pair = duet.wait(duet.auth.sessions.log_in(email, PASSWORD, Client(client_id)))
        (session,) = duet.wait(duet.auth.sessions.of(pair.principal))
        return cls(duet, user, session, pair)

    @property
    def client(self) -> Client:
        return Client(self.session.client_id)

    def issue(self, *, ago: int = 0, proven_ago: int = 0, issuer: str | None = None) -> str:
        """A token of this session, issued `ago` minutes ago; the password was proven `proven_ago` minutes ago."""
        auth = self.duet.auth
        now = auth.clock.now()
        tokens = AccessTokens(
            auth.signing.book,
            issuer=issuer or auth.config.issuer,
            lifetime=auth.config.access_lifetime,
            clock=_Clock(now - timedelta(minutes=ago)),
        )
        session = replace(self.session, auth_time=now - timedelta(minutes=proven_ago))
        return tokens.issue(self.user, session)[0]

    def resign(self, purpose: Purpose) -> str:
        """The same header and claims, signed with another purpose's key."""
        key = self.duet.auth.keys.keys(purpose)[0]
        claims = jwt.decode(self.pair.access_token, options={"verify_signature": False})
        header = jwt.get_unverified_header(self.pair.access_token)
        return jwt.encode(claims, key.secret, "HS256", headers={"typ": header["typ"], "kid": header["kid"]})

    def refresh_token(self) -> str:
        """A refresh token of the same account."""
        other = self.duet.wait(self.duet.auth.sessions.log_in(self.user.email, PASSWORD, Client(API_CLIENT)))
        return str(other.refresh_token)

    def changed(self) -> str:
        """The token with another signature."""
        claims, _, signature = self.pair.access_token.rpartition(".")
        return f"{claims}.{signature[::-1]}"

    def end(self) -> Awaitable[object]:
        """Ends the session."""
        return self.duet.auth.endings.end(self.pair.principal, self.session.id, self.client)


#: What happens to a caller after the login.
_FATES: Final[dict[str, Callable[[Login], Awaitable[object]]]] = {
    "a member whose session and token ended": Login.end,
    "a member whose session was ended": Login.end,
    "a member who logged out": lambda it: it.duet.auth.endings.log_out(it.pair.principal, it.client),
    "a member whose password was changed": lambda it: it.duet.auth.credentials.set_password(
        it.user.id, "another long phrase", it.client
    ),
    "a disabled member": lambda it: it.duet.auth.administration.set_active(it.user.id, False, it.client),
    "a deleted member": lambda it: it.duet.auth.administration.delete(it.user.id, it.client),
    "an admin who is one no more": lambda it: it.duet.auth.administration.set_roles(it.user.id, [], it.client),
}

#: What a caller shows, if it is not the login's access token.
_TOKENS: Final[dict[str, Callable[[Login], str]]] = {
    "a member with a stale login": lambda it: it.issue(proven_ago=6),
    "an admin with a stale login": lambda it: it.issue(proven_ago=6),
    "a member whose token expired": lambda it: it.issue(ago=16),
    "a member whose session and token ended": lambda it: it.issue(ago=16),
    "a member with a token from the future": lambda it: it.issue(ago=-5),
    "somebody with rubbish": lambda it: "rubbish",
    "somebody with a changed token": Login.changed,
    "somebody with a refresh token": Login.refresh_token,
    "somebody with a token of another purpose's key": lambda it: it.resign(Purpose.CSRF),
    "somebody with a token of another site": lambda it: it.issue(issuer="https://elsewhere.example.com"),
}


def _token_of(duet: Running, caller: str, client_id: str) -> str | None:
    """What a new `caller` shows; None for nobody."""
    if caller == "nobody":
        return None
    login = Login.begin(duet, caller, client_id)
    if caller in _FATES:
        duet.wait(_FATES[caller](login))
    return _TOKENS[caller](login) if caller in _TOKENS else login.pair.access_token


def _cookie(duet: Running, token: str) -> tuple[str, str]:
    """Flask's session cookie around `token`, as name and value, signed as Flask signs it."""
    pages = duet.app.state.pages
    serializer = pages.session_interface.get_signing_serializer(pages)
    return pages.config["SESSION_COOKIE_NAME"], serializer.dumps({ACCESS_TOKEN: token, "_permanent": True})


@pytest.fixture(scope="module")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with a page and a route under each policy."""
    with running(make_settings(tmp_path_factory.mktemp("parity")), extensions=[_extension()]) as duet:
        duet.make_user("last-admin@example.com", roles=["admin"])  # nobody demotes this one
        yield duet


def _ask_api(duet: Running, token: str | None, policy: str) -> str:
    """What the route decided, in the words of the table."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return _decision(wire.get(f"{duet.url}/api/parity/{policy}", headers=headers))


def _decision(answer: httpx.Response) -> str:
    if answer.status_code == 200:
        return str(answer.json())
    code = answer.json()["code"]
    if answer.status_code == 403:
        return NO_ROLE if code == "role_missing" else f"refused: {code}"
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return PASSWORD_AGAIN if code == "login_stale" else f"login: {code}"


def _ask_api_as_a_page(duet: Running, token: str | None, policy: str) -> str:
    """What the route decides about a page's script, which shows Flask's session."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    if token is not None:
        headers["Cookie"] = "=".join(_cookie(duet, token))
    return _decision(wire.get(f"{duet.url}/api/parity/{policy}", headers=headers))


def _kinds(kind: type[NotAuthenticated]) -> Iterator[type[NotAuthenticated]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _kinds(inner)


def _reasons() -> dict[str, str]:
    """The reason code behind each message at the login."""
    reasons = {f"{SESSION_OVER} {kind.message}": kind.code for kind in _kinds(NotAuthenticated)}
    return reasons | {PLEASE_LOG_IN: TokenMissing.code, SESSION_OVER: TokenInvalid.code}


def _ask_page(duet: Running, token: str | None, policy: str) -> str:
    """What the page decided, in the words of the table. The reason is read from the login page."""
    path = f"/parity/{policy}"
    with httpx.Client(base_url=duet.url, transport=wire.Wire()) as browser:
        if token is not None:
            browser.cookies.set(*_cookie(duet, token), "127.0.0.1", "/")
        answer = browser.get(path)
        if answer.status_code == 200:
            return answer.text
        if answer.status_code == 403:
            return NO_ROLE
        assert answer.status_code == 303
        if answer.headers["Location"] == f"/reauthenticate?next={path}":
            return PASSWORD_AGAIN
        assert answer.headers["Location"] == f"/login?next={path}"
        (message,) = messages(browser.get(answer.headers["Location"]).text)
        return f"login: {_reasons()[message]}"


@pytest.mark.parametrize("caller", EXPECTED)
def test_a_route_decides_by_the_table(parity: Running, caller: str) -> None:
    """Under every policy, each caller with a bearer token gets what the table says."""
    token = _token_of(parity, caller, API_CLIENT)
    assert tuple(_ask_api(parity, token, policy) for policy in POLICIES) == EXPECTED[caller]


@pytest.mark.parametrize("caller", EXPECTED)
def test_a_page_decides_by_the_same_table(parity: Running, caller: str) -> None:
    """With the same token in Flask's session the page decides alike, except for what the gate renews."""
    token = _token_of(parity, caller, WEB_CLIENT)
    decisions = tuple(_ask_page(parity, token, policy) for policy in POLICIES)
    assert decisions == ON_PAGES.get(caller, EXPECTED[caller])
    scripts = tuple(_ask_api_as_a_page(parity, token, policy) for policy in POLICIES)
    assert scripts == decisions, "a script of the page meets something else on the API"


def test_the_pages_differ_where_a_token_is_renewed_and_nowhere_else() -> None:
    """A row may differ on pages only if a refresh would help against the API's answer."""
    helped = {_to_login(code) for code in ("token_expired", "rights_changed", "token_from_future")}
    assert {EXPECTED[caller] for caller in ON_PAGES} <= helped


def test_neither_half_falls_back_on_the_other_credential(parity: Running) -> None:
    """A page ignores a bearer token, and on the API a good cookie does not mend a bad one or another scheme."""
    token = _token_of(parity, "a member", WEB_CLIENT)
    assert token
    page = wire.get(f"{parity.url}/parity/login", headers={"Authorization": f"Bearer {token}"})
    assert page.status_code == 303
    cookie = "=".join(_cookie(parity, token))
    for authorization in ("Bearer rubbish", "Bearer", "Basic eDp5"):
        headers = {"Cookie": cookie, "Authorization": authorization, "Sec-Fetch-Site": "same-origin"}
        assert wire.get(f"{parity.url}/api/parity/login", headers=headers).status_code == 401
