"""A password that takes another's place: one step of the store, with all that has to go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.auth.models import AuditEvent, Letter, User


@dataclass(frozen=True, slots=True)
class MailedLink:
    """The link that a reset takes, and the address that it proves."""

    id: str
    email_key: str


@dataclass(frozen=True, slots=True)
class NewPassword:
    """What is written together, or not at all.

    Args:
        user_id: whose password it is.
        password_hash: of the new one.
        credentials_version: what the account's has to be still. It counts up.
        at: this instant.
        reason: why the sessions end: a code of `errors`.
        event: the row for the audit log.
        letter: the mail about it; None where the address had too many.
        keep: the session that goes on. Without one the access tokens and the personal tokens of the user end, too.
        link: what a reset takes. It has to be there, and its address the account's, which counts as verified then.
        wiped: the counters that begin anew.
    """

    user_id: str
    password_hash: str = field(repr=False)
    credentials_version: int
    at: datetime
    reason: str
    event: AuditEvent
    letter: Letter | None = None
    keep: str | None = None
    link: MailedLink | None = None
    wiped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replaced:
    """A password was replaced.

    Args:
        user: as they are now.
        ended: the ids of the sessions that ended.
    """

    user: User
    ended: tuple[str, ...]


class PasswordHashes(Protocol):
    """Hashes of passwords."""

    async def replace_password(self, new: NewPassword) -> Replaced | None:
        """Sets the hash and `password_changed_at`, counts `credentials_version` up, ends the user's sessions but
        `keep`, removes the links that reset the password or change the address, and writes `event` and `letter`.

        None, and nothing is written, if `credentials_version` is another by now, or the link does not count for an
        active account with its address. From the first moment at which the new password counts, no session of the
        old one does, wherever it is shown, whatever happens to the process in between.
        """
        ...

    async def upgrade_password_hash(self, user_id: str, password_hash: str, *, credentials_version: int) -> bool:
        """Replaces the hash by another one of the same password, if it is that still; whether it did."""
        ...
