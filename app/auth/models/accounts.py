"""Defines what an account is, and how much fits into one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

#: The role that the administration requires. A team may invent any others.
ADMIN = "admin"

# What fits into an account, with lengths in characters. Messages, descriptions and forms take the figures here.
#: The longest email address as typed, which is more than any has (RFC 5321 section 4.5.3.1).
MAX_EMAIL_LENGTH: Final = 320
#: The longest name of a person, and of anything that people name, such as a token.
MAX_NAME_LENGTH: Final = 100
MAX_PASSWORD_LENGTH: Final = 1024
MAX_ROLE_LENGTH: Final = 32
MAX_ROLES: Final = 20
_ROLE: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{MAX_ROLE_LENGTH - 1}}}", re.ASCII)


def is_role(name: str) -> bool:
    """Returns whether an account may have a role of this name: a team invents its own."""
    return _ROLE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class User:
    """A stored account. `email` is as its owner spells it; `email_key` is its normal form, which is unique."""

    id: str
    email: str
    email_key: str
    password_hash: str = field(repr=False)
    created_at: datetime
    name: str = ""
    roles: tuple[str, ...] = ()
    is_active: bool = True
    is_email_verified: bool = False
    #: Increases whenever `roles` or `is_active` changes. Every access token carries the value it was issued under.
    rights_version: int = 1
    rights_changed_at: datetime | None = None
    #: None if it was not changed since the account was made, or since Duet began to record this.
    password_changed_at: datetime | None = None
    #: Increases with every change of what proves who the owner is. What was proven, or begun, under an older value
    #: no longer counts.
    credentials_version: int = 0
