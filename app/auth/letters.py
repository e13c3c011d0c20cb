"""Mails: a request notes that one is to be sent, and whoever sends it asks here what it says."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.auth.links import Links
from app.auth.models import Letter, LetterKind, Link, LinkPurpose, User
from app.auth.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class Message:
    """A mail that is about to be sent: its template's name and what that says."""

    to: str
    kind: LetterKind
    link: str = field(default="", repr=False)
    params: dict[str, str] = field(default_factory=dict)


class Letters:
    """The mails that wait. Every method may raise `StoreUnavailable`.

    A letter holds no link: that is made when it is sent. So the queue of a stolen database opens nothing, and a
    link's time begins when it is on its way. And a request for a mail takes the same steps whether or not an
    account has the address: who asks learns nothing from the time it takes.

    Args:
        store: keeps them.
        clock: tells the time.
        links: makes the links.
    """

    def __init__(self, store: Store, clock: Clock, links: Links) -> None:
        self._store = store
        self._clock = clock
        self._links = links
        #: Called after each new letter, by whoever sends them.
        self.wake: Callable[[], None] = _nobody

    async def post(self, kind: LetterKind, to: str, *, user_id: str = "", **params: str) -> None:
        """Has a mail sent, soon and at least once.

        Args:
            kind: what it is about.
            to: the address.
            user_id: whose account it is about; its letters go with the account.
            params: what its template says.
        """
        now = self._clock.now()
        letter = Letter(
            id=secrets.token_urlsafe(12),
            kind=kind,
            to=to,
            created_at=now,
            due_at=now,
            user_id=user_id,
            params=json.dumps(params) if params else "",
        )
        await self._store.add_letter(letter)
        self.wake()

    async def resolve(self, letter: Letter) -> Message | None:
        """What `letter` says, with a new link; None if there is nothing to send: nobody has that address, say."""
        kind = LetterKind(letter.kind)
        if kind not in _WITH_LINK:
            return Message(letter.to, kind, params=letter.values)
        if kind is LetterKind.INVITE:
            link = await self._store.link(letter.values["link_id"], now=self._clock.now())
            to = letter.to
        else:
            user = await self._addressee(letter, kind)
            link = None if user is None else await self._link_for(user, letter, kind)
            to = letter.to if user is None or kind is LetterKind.CHANGE_EMAIL else user.email
        return None if link is None else Message(to, kind, self._links.url(link), letter.values)

    async def _addressee(self, letter: Letter, kind: LetterKind) -> User | None:
        """Whose letter it is, if it still makes sense to send it. `to` of the letters that strangers can ask for
        is an address in its normal form."""
        if kind is LetterKind.CHANGE_EMAIL:
            user = await self._store.user_by_id(letter.user_id)
        else:
            user = await self._store.user_by_email(letter.to)
        if user is None or not user.is_active:
            return None
        return None if kind is LetterKind.VERIFY_EMAIL and user.is_email_verified else user

    async def _link_for(self, user: User, letter: Letter, kind: LetterKind) -> Link:
        # A new link on each attempt: one that was delivered and used, its receipt lost, stays used.
        email = letter.to if kind is LetterKind.CHANGE_EMAIL else user.email
        return await self._links.make(_WITH_LINK[kind], user_id=user.id, email=email)


def _nobody() -> None:
    """Nobody sends letters in this process: the command line leaves them to the server."""


_WITH_LINK: Final = {
    LetterKind.VERIFY_EMAIL: LinkPurpose.VERIFY_EMAIL,
    LetterKind.RESET_PASSWORD: LinkPurpose.RESET_PASSWORD,
    LetterKind.CHANGE_EMAIL: LinkPurpose.CHANGE_EMAIL,
    LetterKind.INVITE: LinkPurpose.INVITE,
}
