"""What every view may ask for in one line: who is there, auth, and the way to the event loop."""

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
        """Whether people reach the site over https, so that cookies are `Secure`."""
        return self.public_url.startswith("https://")


def duet() -> Duet:
    """What this app was built with."""
    return cast(Duet, current_app.extensions["duet"])


def get_auth() -> Auth:
    """The one auth object of this process."""
    return duet().auth


def hand_table(app: Flask, rules: Sequence[Rule]) -> None:
    """Gives the pages the policy's table of both halves, which is complete only after they are made."""
    app.extensions[_TABLE] = rules


def get_table() -> Sequence[Rule]:
    """The policy's table: every endpoint of both halves, and who may call it."""
    return cast("Sequence[Rule]", current_app.extensions[_TABLE])


def wait(awaitable: Awaitable[T]) -> T:
    """Runs `awaitable` on the event loop and blocks this thread until it is done; its exceptions arrive here."""
    return duet().crossing.wait(awaitable)


def optional_principal() -> Principal | None:
    """The caller of a `@public` page, if somebody is signed in."""
    return cast("Principal | None", g.get("principal"))


def _current_principal() -> Principal:
    principal = optional_principal()
    if principal is None:
        raise TokenMissing()
    return principal


#: The caller of a page that needs a login, which is every page without `@public`.
current_principal: Principal = cast(Principal, LocalProxy(_current_principal))


def current_user() -> User:
    """The stored account of the caller, read at most once a request."""
    return _account(_current_principal())


def _account(principal: Principal) -> User:
    if "user" not in g:
        try:
            g.user = wait(get_auth().accounts.get(principal.user_id))
        except NotFound:
            raise AccountDeleted() from None
    return cast(User, g.user)


def current_client() -> Client:
    """Where the request comes from."""
    devices = read_devices(request, is_https=duet().is_https)
    return Client.of(
        WEB_CLIENT, ip=request.remote_addr or "", user_agent=request.user_agent.string, devices=devices
    )


class Person:
    """The signed-in person as templates see them; the store is asked only when a template needs the account."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    @property
    def id(self) -> str:
        """Of the account; it never changes."""
        return self._principal.user_id

    @property
    def roles(self) -> frozenset[str]:
        """As the access token tells them."""
        return self._principal.roles

    @property
    def email(self) -> str:
        """As its owner spells it."""
        return _account(self._principal).email

    @property
    def name(self) -> str:
        """The display name, which may be empty."""
        return _account(self._principal).name


def person() -> Person | None:
    """Who is there, if somebody is: also on the page that refuses them."""
    principal = _caller().principal
    return Person(principal) if principal else None


def drawn_for() -> str | None:
    """Whose page this is: the id of who is signed in, empty for nobody, None if the store can't tell just now."""
    caller = _caller()
    if caller.principal:
        return caller.principal.user_id
    return None if isinstance(caller.error, TryLater) else ""


def _caller() -> Caller:
    return cast(Caller, g.get("caller") or Caller())
