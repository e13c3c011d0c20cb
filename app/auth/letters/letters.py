"""Prepares mails: a request notes that one is to be sent, and the sender asks here what it says."""

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
    """A mail that is about to be sent: the name of its template, and what the template says."""

    to: str
    kind: LetterKind
    link: str = field(default="", repr=False)
    params: dict[str, str] = field(default_factory=dict)


class Letters:
    """Queues the mails that are to be sent. Every method may raise `StoreUnavailable`.

    A letter holds no link: the link is derived when the letter is sent, so the queue of a stolen database opens
    nothing. A letter that a stranger can ask for takes the same steps whether or not an account has the email
    address, and its link is made when the letter is sent. So the stranger learns nothing from the time that the
    request takes, and the lifetime of the link begins when it is sent.

    Args:
        store: keeps them.
        clock: tells the time.
        links: makes the links.
        throttle: limits the letters that tell people about their own account.
    """

    def __init__(self, store: Store, clock: Clock, links: Links, throttle: Throttle) -> None:
        self._store = store
        self._clock = clock
        self._links = links
        self._throttle = throttle
        self._wake: Callable[[], None] = _nobody

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Has `wake` called after each new letter, so that the sender does not wait until it looks again."""
        self._wake = wake

    def wake(self) -> None:
        """Tells the sender that there is a new letter."""
        self._wake()

    async def post(self, kind: LetterKind, to: str, *, user_id: str = "", **params: str) -> None:
        """Has a mail sent, soon and at least once, unless `draft` returns None. Takes what `draft` takes."""
        letter = await self.draft(kind, to, user_id=user_id, **params)
        if letter is not None:
            await self._store.add_letter(letter)
            self.wake()

    async def draft(self, kind: LetterKind, to: str, *, user_id: str = "", **params: str) -> Letter | None:
        """Makes a mail for a caller that queues it together with the change it is about, and then calls `wake`.

        Args:
            kind: what it is about.
            to: the email address.
            user_id: the user whose account it is about. If the account is deleted, so are its letters.
            params: what its template says.

        Returns:
            The mail; None for a notice to an email address that has had many of its kind.
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
        """Returns what `letter` says, with a new link.

        Returns None if there is nothing to send, for example because nobody has that email address.
        """
        kind = LetterKind(letter.kind)
        if kind in _HAVING_LINK:
            link = await self._store.link(letter.values["link_id"], now=self._clock.now())
            return None if link is None else Message(letter.to, kind, self._links.url(link), letter.values)
        if kind not in _OPEN_TO_STRANGERS:
            return Message(letter.to, kind, params=letter.values)
        user = await self._addressee(letter, kind)
        if user is None:
            return None
        purpose = _MAKING_LINK.get(kind)
        # Each attempt makes a new link: one that was delivered and used stays used, even if its receipt was lost.
        made = purpose and await self._links.make(purpose, user_id=user.id, email=user.email)
        return Message(user.email, kind, self._links.url(made) if made else "", letter.values)

    async def _addressee(self, letter: Letter, kind: LetterKind) -> User | None:
        """Returns the user whose letter it is, if it still makes sense to send it.

        In letters that strangers can ask for, `to` is an email address in its normal form, because the one that
        was typed may be another mailbox.
        """
        user = await self._store.user_by_email(letter.to)
        if user is None or not user.is_active:
            return None
        return None if kind is LetterKind.VERIFY_EMAIL and user.is_email_verified else user


def _folded(address: str) -> str:
    """Returns one text for all spellings of an email address: each may have had an account that was deleted."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).casefold())


def _nobody() -> None:
    """Does nothing: no letters are sent in this process, because the command line leaves them to the server."""


#: Letters whose link was made when they were asked for, and may have been withdrawn since.
_HAVING_LINK: Final = frozenset({LetterKind.CHANGE_EMAIL, LetterKind.INVITE})
#: Letters whose link is made when they are sent.
_MAKING_LINK: Final = {
    LetterKind.VERIFY_EMAIL: LinkPurpose.VERIFY_EMAIL,
    LetterKind.RESET_PASSWORD: LinkPurpose.RESET_PASSWORD,
}
#: Letters about what a logged-in person did, one each time it was done. The last mail that an email address gets
#: about its account, because another has taken its place, is not among them.
_NOTICES: Final = frozenset(
    {
        LetterKind.NEW_DEVICE,
        LetterKind.PASSWORD_CHANGED,
        LetterKind.EMAIL_CHANGE_REQUESTED,
        LetterKind.ACCOUNT_DELETED,
    }
)
#: Letters that strangers can ask for, to any email address.
_OPEN_TO_STRANGERS: Final = frozenset({*_MAKING_LINK, LetterKind.ADDRESS_IN_USE})
