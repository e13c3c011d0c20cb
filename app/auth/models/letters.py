"""Describes one-time links, and the mails that carry them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class LinkPurpose(StrEnum):
    """What a one-time link opens. The value is the first part of the page's path, and enters the link's MAC."""

    VERIFY_EMAIL = "verify-email"
    CHANGE_EMAIL = "change-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a name, not a secret
    INVITE = "invite"
    SETUP = "setup"


#: How long each kind of link is valid. The person who invites may choose another lifetime for an invitation.
LIFETIMES: Final[Mapping[LinkPurpose, timedelta]] = {
    LinkPurpose.VERIFY_EMAIL: timedelta(days=3),
    LinkPurpose.CHANGE_EMAIL: timedelta(hours=24),
    LinkPurpose.RESET_PASSWORD: timedelta(minutes=30),
    LinkPurpose.INVITE: timedelta(days=7),
    LinkPurpose.SETUP: timedelta(hours=24),
}
DEFAULT_INVITE_DAYS: Final = LIFETIMES[LinkPurpose.INVITE].days
MAX_INVITE_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that has not been used yet. Its token is derived, never stored (see `links`)."""

    id: str
    purpose: str
    created_at: datetime
    expires_at: datetime
    #: The user whose account it is about; empty for an invitation and the setup.
    user_id: str = ""
    #: The email address that following the link confirms; empty if it confirms none.
    email: str = ""
    #: The roles that an invitation gives.
    roles: tuple[str, ...] = ()
    #: The user who invited.
    created_by: str = ""


class LetterKind(StrEnum):
    """What a mail is about. The value is also the name of its template."""

    VERIFY_EMAIL = "verify-email"
    ADDRESS_IN_USE = "address-in-use"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a name, not a secret
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name, not a secret
    CHANGE_EMAIL = "change-email"
    EMAIL_CHANGE_REQUESTED = "email-change-requested"
    EMAIL_CHANGED = "email-changed"
    NEW_DEVICE = "new-device"
    INVITE = "invite"
    ACCOUNT_DELETED = "account-deleted"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that waits to be sent. It holds no link, because a stolen database must not yield one."""

    id: str
    kind: str
    #: The email address that it goes to.
    to: str
    created_at: datetime
    #: When it may be tried (again). A process that tries it moves this on first, so that no other does meanwhile.
    due_at: datetime
    user_id: str = ""
    #: What its template says besides the link, as JSON.
    params: str = ""
    attempts: int = 0

    @property
    def values(self) -> dict[str, str]:
        """`params` as a mapping."""
        return dict(json.loads(self.params)) if self.params else {}
