"""What every view may ask for in one line: the caller, auth, and the way to the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, current_app, has_request_context, request
from werkzeug.local import LocalProxy

from app.auth.errors import AccountDeleted, NotFound, TokenMissing, TryLater
from app.auth.models import WEB_CLIENT, Client, Principal, User
from app.auth.policy import Caller, Rule
from app.auth.service import Auth
from app.bridge import Crossing
from app.web.cookies import read_devices

T = TypeVar("T")

_TABLE: Final = "duet.table"
_VISIT: Final = "duet.visit"


@dataclass(frozen=True, slots=True)
class Duet:
    """What the pages were built with."""

    auth: Auth
    crossing: Crossing
    public_url: str

    @property
    def is_https(self) -> bool:
        """Tells whether people reach the site over https, so that cookies are `Secure`."""
        return self.public_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Tells whether only people on this machine reach the site, as during development."""
        host = urlsplit(self.public_url).hostname or ""
        return not self.is_https and (
            host.startswith("127.") or f".{host}".endswith(".localhost") or host == "::1"
        )


def duet() -> Duet:
    """Returns what this app was built with."""
    return cast(Duet, current_app.extensions["duet"])


def get_auth() -> Auth:
    """Returns the one auth object of this process."""
    return duet().auth


def hand_table(app: Flask, rules: Sequence[Rule]) -> None:
    """Gives the pages the policy's table of both halves, which is only complete after the pages are made."""
    app.extensions[_TABLE] = rules


def get_table() -> Sequence[Rule]:
    """Returns the policy's table: every endpoint of both halves, and who may call it."""
    return cast("Sequence[Rule]", current_app.extensions[_TABLE])


def wait(awaitable: Awaitable[T]) -> T:
    """Runs `awaitable` on the event loop, and blocks this thread until it is done. Raises its exceptions here."""
    return duet().crossing.wait(awaitable)


@dataclass(slots=True)
class Visit:
    """Who sends this request, as the gate and the policy found.

    It hangs on the request itself, under a name that is no attribute's. Flask's `g` and the environ belong to
    teams, who keep a `user` or a `principal` of their own there.
    """

    caller: Caller
    #: The caller whom the policy let in.
    principal: Principal | None = None
    #: The caller's stored account, once somebody asked for it.
    user: User | None = None


def begin_visit(caller: Caller) -> Visit:
    """Remembers who sends this request. Nobody is let in yet."""
    visit = Visit(caller)
    setattr(request, _VISIT, visit)
    return visit


def _visit() -> Visit:
    visit = getattr(request, _VISIT, None) if has_request_context() else None
    return visit or Visit(Caller())


def caller() -> Caller:
    """Returns what the gate found out about this request. It is about nobody outside of a request."""
    return _visit().caller


def optional_principal() -> Principal | None:
    """Returns the caller of a `@public` page, if somebody is logged in."""
    return _visit().principal


def _current_principal() -> Principal:
    principal = optional_principal()
    if principal is None:
        raise TokenMissing()
    return principal


#: The caller of a page that needs a login, which is every page without `@public`.
current_principal: Principal = cast(Principal, LocalProxy(_current_principal))


def current_user() -> User:
    """Returns the caller's stored account, which is read at most once per request."""
    return _account(_current_principal())


def _account(principal: Principal) -> User:
    visit = _visit()
    if visit.user is None:
        try:
            visit.user = wait(get_auth().accounts.get(principal.user_id))
        except NotFound:
            raise AccountDeleted() from None
    return visit.user


def current_client() -> Client:
    """Returns where the request comes from."""
    devices = read_devices(request, is_https=duet().is_https)
    return Client.of(
        WEB_CLIENT, ip=request.remote_addr or "", user_agent=request.user_agent.string, devices=devices
    )


class Person:
    """The person who is logged in, as templates see them. The account is only read if a template needs it."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    @property
    def id(self) -> str:
        """The id of the account, which never changes."""
        return self._principal.user_id

    @property
    def roles(self) -> frozenset[str]:
        """The roles in the access token."""
        return self._principal.roles

    @property
    def email(self) -> str:
        """The email address, as its owner spells it."""
        return _account(self._principal).email

    @property
    def name(self) -> str:
        """The display name, which may be empty."""
        return _account(self._principal).name


def person() -> Person | None:
    """Returns the person who is logged in, if there is one, even on a page that refuses them."""
    principal = caller().principal
    return Person(principal) if principal else None


def drawn_for() -> str | None:
    """Returns whose page this is: the id of the account, empty for nobody, None if the store can't tell now."""
    found = caller()
    if found.principal:
        return found.principal.user_id
    return None if isinstance(found.error, TryLater) else ""
