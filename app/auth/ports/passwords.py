"""Defines how a store replaces a password: in one step, with everything that has to go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.auth.models import AuditEvent, EventLimit, Letter, User


@dataclass(frozen=True, slots=True)
class MailedLink:
    """The link that a reset uses up, and the email address that it confirms."""

    id: str
    email_key: str


@dataclass(frozen=True, slots=True)
class NewPassword:
    """What is written together, or not at all.

    Args:
        user_id: whose password it is.
        password_hash: the hash of the new one.
        credentials_version: the value that the account still has to have. It is increased by one.
        at: the current instant.
        reason: why the sessions end: a code of `errors`.
        event: the row for the audit log.
        letter: the mail about it; None if the email address had too many.
        keep: the session that goes on. Without one, the user's access tokens and personal access tokens end, too.
        link: the link that a reset uses up. It has to exist, and its email address has to be the account's, which
            counts as confirmed then.
        wiped: the counters to reset.
        limit: how often such an event gets a row.
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
    limit: EventLimit | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """A password was replaced.

    Args:
        user: the user as they are now.
        ended: the ids of the sessions that ended.
    """

    user: User
    ended: tuple[str, ...]


class PasswordHashes(Protocol):
    """The hashes of passwords."""

    async def replace_password(self, new: NewPassword) -> Replaced | None:
        """Replaces the password, and does everything that goes with it, in one step.

        Sets the hash and `password_changed_at`, increases `credentials_version`, ends the user's sessions except
        `keep`, removes the links that reset the password or change the email address, and writes `event` and
        `letter`.

        Returns None, and writes nothing, if `credentials_version` has changed, or if the link does not count
        or is not for an active account with its email address. From the first moment at which the new password
        counts, no session of the old one does, wherever it is shown and whatever happens to the process meanwhile.
        """
        ...

    async def upgrade_password_hash(self, user_id: str, password_hash: str, *, credentials_version: int) -> bool:
        """Replaces the hash with another one of the same password, unless `credentials_version` has changed.

        Returns whether it did.
        """
        ...
