"""Mails: a request notes that one is to be sent, and whoever sends it asks here what it says."""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.auth.clock import Clock
from app.auth.letters.links import Links
from app.auth.limits import Throttle
from app.auth.models import Letter, LetterKind, LinkPurpose, User
from app.auth.ports import Store


@dataclass(frozen=True, slots=True)
class Message:
    """A mail that is about to be sent: its template's name and what that says."""

    to: str
    kind: LetterKind
    link: str = field(default="", repr=False)
    params: dict[str, str] = field(default_factory=dict)


class Letters:
    """The mails that wait. Every method may raise `StoreUnavailable`.

    A letter holds no link: that is derived when it is sent, so the queue of a stolen database opens nothing. What
    a stranger can ask for takes the same steps whether or not an account has the address, and its link is made
    when the letter is sent: who asks learns nothing from the time it takes, and the link's own begins then.

    Args:
        store: keeps them.
        clock: tells the time.
        links: makes the links.
        throttle: limits what tells of one's own account.
    """

    def __init__(self, store: Store, clock: Clock, links: Links, throttle: Throttle) -> None:
        self._store = store
        self._clock = clock
        self._links = links
        self._throttle = throttle
        self._wake: Callable[[], None] = _nobody

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Has `wake` called after each new letter, so that whoever sends them does not wait for the next look."""
        self._wake = wake

    def wake(self) -> None:
        """Tells whoever sends them that there is a new one."""
        self._wake()

    async def post(self, kind: LetterKind, to: str, *, user_id: str = "", **params: str) -> None:
        """Has a mail sent, soon and at least once. Takes what `draft` takes, and leaves out what it leaves out."""
        letter = await self.draft(kind, to, user_id=user_id, **params)
        if letter is not None:
            await self._store.add_letter(letter)
            self.wake()

    async def draft(self, kind: LetterKind, to: str, *, user_id: str = "", **params: str) -> Letter | None:
        """A mail for whoever puts it into the queue together with what it tells of, and then calls `wake`.

        Args:
            kind: what it is about.
            to: the address.
            user_id: whose account it is about; its letters go with the account.
            params: what its template says.

        Returns:
            None for a notice to an address that had many of its kind.
        """
        if kind in _NOTICES and not await self._throttle.may_tell(kind, _folded(to)):
            return None
        now = self._clock.now()
        return Letter(
            id=secrets.token_urlsafe(12),
            kind=kind,
            to=to,
            created_at=now,
            due_at=now,
            user_id=user_id,
            params=json.dumps(params) if params else "",
        )

    async def resolve(self, letter: Letter) -> Message | None:
        """What `letter` says, with a new link; None if there is nothing to send: nobody has that address, say."""
        kind = LetterKind(letter.kind)
        if kind in _HAVING_LINK:
            link = await self._store.link(letter.values["link_id"], now=self._clock.now())
            return None if link is None else Message(letter.to, kind, self._links.url(link), letter.values)
        if kind not in _TO_WHOM_IT_MAY_CONCERN:
            return Message(letter.to, kind, params=letter.values)
        user = await self._addressee(letter, kind)
        if user is None:
            return None
        purpose = _MAKING_LINK.get(kind)
        # A new link on each attempt: one that was delivered and used, its receipt lost, stays used.
        made = purpose and await self._links.make(purpose, user_id=user.id, email=user.email)
        return Message(user.email, kind, self._links.url(made) if made else "", letter.values)

    async def _addressee(self, letter: Letter, kind: LetterKind) -> User | None:
        """Whose letter it is, if it still makes sense to send it. `to` of the letters that strangers can ask for
        is an address in its normal form: what was typed may be another mailbox."""
        user = await self._store.user_by_email(letter.to)
        if user is None or not user.is_active:
            return None
        return None if kind is LetterKind.VERIFY_EMAIL and user.is_email_verified else user


def _folded(address: str) -> str:
    """One text for the spellings of an account's address, which each may have had an account that was deleted."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).casefold())


def _nobody() -> None:
    """Nobody sends letters in this process: the command line leaves them to the server."""


#: Their link was made by whoever asked for them, and may have been withdrawn since.
_HAVING_LINK: Final = frozenset({LetterKind.CHANGE_EMAIL, LetterKind.INVITE})
#: Their link is made when they are sent.
_MAKING_LINK: Final = {
    LetterKind.VERIFY_EMAIL: LinkPurpose.VERIFY_EMAIL,
    LetterKind.RESET_PASSWORD: LinkPurpose.RESET_PASSWORD,
}
#: They tell of what somebody did who was signed in, as often as that was done. Not among them: the last mail that
#: an address gets of its account, as another has taken its place.
_NOTICES: Final = frozenset(
    {
        LetterKind.NEW_DEVICE,
        LetterKind.PASSWORD_CHANGED,
        LetterKind.EMAIL_CHANGE_REQUESTED,
        LetterKind.ACCOUNT_DELETED,
    }
)
#: Strangers can ask for them, to whatever address.
_TO_WHOM_IT_MAY_CONCERN: Final = frozenset({*_MAKING_LINK, LetterKind.ADDRESS_IN_USE})
