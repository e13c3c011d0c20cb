"""What every view may ask for in one line: who is there, auth, and the way to the event loop."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar, cast

from flask import current_app, g, request
from werkzeug.local import LocalProxy

from app.auth.errors import AccountDeleted, NotFound, TokenMissing
from app.auth.models import WEB_CLIENT, Client, Principal, User
from app.auth.service import Auth
from app.bridge import Crossing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Duet:
    """What the pages were built with."""

    auth: Auth
    crossing: Crossing
    public_url: str


def duet() -> Duet:
    """What this app was built with."""
    return cast(Duet, current_app.extensions["duet"])


def get_auth() -> Auth:
    """The one auth object of this process."""
    return duet().auth


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
    if "user" not in g:
        try:
            g.user = wait(get_auth().accounts.get(_current_principal().user_id))
        except NotFound:
            raise AccountDeleted() from None
    return cast(User, g.user)


def current_client() -> Client:
    """Where the request comes from."""
    return Client.of(WEB_CLIENT, ip=request.remote_addr or "", user_agent=request.user_agent.string)


class Person:
    """The signed-in person as templates see them; the store is asked only when a template needs the account."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    @property
    def roles(self) -> frozenset[str]:
        """As the access token tells them."""
        return self._principal.roles

    @property
    def email(self) -> str:
        """As its owner spells it."""
        return current_user().email

    @property
    def name(self) -> str:
        """The display name, which may be empty."""
        return current_user().name
