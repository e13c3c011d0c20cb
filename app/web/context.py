"""What every view may ask for in one line: the caller, auth, and the way to the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from flask import Flask, current_app, g, request
from werkzeug.local import LocalProxy

from app.auth.errors import AccountDeleted, NotFound, TokenMissing, TryLater
from app.auth.models import WEB_CLIENT, Client, Principal, User
from app.auth.policy import Caller, Rule
from app.auth.service import Auth
from app.bridge import Crossing
from app.web.cookies import read_devices

T = TypeVar("T")

_TABLE: Final = "duet.table"


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


def optional_principal() -> Principal | None:
    """Returns the caller of a `@public` page, if somebody is logged in."""
    return cast("Principal | None", g.get("principal"))


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
    if "user" not in g:
        try:
            g.user = wait(get_auth().accounts.get(principal.user_id))
        except NotFound:
            raise AccountDeleted() from None
    return cast(User, g.user)


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
    principal = _caller().principal
    return Person(principal) if principal else None


def drawn_for() -> str | None:
    """Returns whose page this is: the id of the account, empty for nobody, None if the store can't tell now."""
    caller = _caller()
    if caller.principal:
        return caller.principal.user_id
    return None if isinstance(caller.error, TryLater) else ""


def _caller() -> Caller:
    return cast(Caller, g.get("caller") or Caller())
