"""One-time links, and the mails that carry them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class LinkPurpose(StrEnum):
    """What a one-time link opens. The value is the first part of the page's address, and enters the link's MAC."""

    VERIFY_EMAIL = "verify-email"
    CHANGE_EMAIL = "change-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a name, not a secret
    INVITE = "invite"
    SETUP = "setup"


#: How long each kind of link counts. Whoever invites may choose another life for an invite.
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
    #: Whose account it is about; empty for an invite and the set-up.
    user_id: str = ""
    #: The address that following the link proves; empty where it proves none.
    email: str = ""
    #: What an invite gives.
    roles: tuple[str, ...] = ()
    #: Who invited.
    created_by: str = ""


class LetterKind(StrEnum):
    """What a mail is about; also the name of its template."""

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
    """A mail that waits to be sent. It holds no link: a stolen database must not yield one."""

    id: str
    kind: str
    #: The address it goes to.
    to: str
    created_at: datetime
    #: When it may be tried (again). Whoever tries it moves this on first, so that nobody else does meanwhile.
    due_at: datetime
    user_id: str = ""
    #: What its template says beside the link, as JSON.
    params: str = ""
    attempts: int = 0

    @property
    def values(self) -> dict[str, str]:
        """`params` as a mapping."""
        return dict(json.loads(self.params)) if self.params else {}
