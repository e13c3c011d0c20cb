"""The data that auth works with: frozen values that the stores keep and both halves read.

Instants are aware datetimes in UTC, whole milliseconds (`clock.SystemClock` gives no finer ones), because
that is the finest that every store keeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

#: The role that the administration asks for. A team may invent any others.
ADMIN = "admin"

# What fits into an account, in characters. Messages, descriptions and forms take the figures from here.
#: As typed: more than any address has (RFC 5321 section 4.5.3.1).
MAX_EMAIL_LENGTH: Final = 320
#: Of a person, and of what they name.
MAX_NAME_LENGTH: Final = 100
MAX_PASSWORD_LENGTH: Final = 1024
MAX_ROLE_LENGTH: Final = 32
MAX_ROLES: Final = 20


@dataclass(frozen=True, slots=True)
class User:
    """A stored account. `email` is as its owner spells it, `email_key` its normal form, which is unique."""

    id: str
    email: str
    email_key: str
    password_hash: str = field(repr=False)
    created_at: datetime
    name: str = ""
    roles: tuple[str, ...] = ()
    is_active: bool = True
    is_email_verified: bool = False
    #: Counts up whenever roles or activity change; every access token carries the value it was issued under.
    rights_version: int = 1
    rights_changed_at: datetime | None = None
    #: None where it never was, since the account was made or since Duet notes it.
    password_changed_at: datetime | None = None
    #: Counts up with every change of what proves its owner. What was proven, or begun, under an older value no
    #: longer counts.
    credentials_version: int = 0
