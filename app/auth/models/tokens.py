"""Describes personal access tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from app.auth.models.accounts import User

#: How many personal access tokens an account may have.
MAX_TOKENS: Final = 50
#: How long one lives by default, and at most.
DEFAULT_TOKEN_DAYS: Final = 90
MAX_TOKEN_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A personal access token, for scripts. The token itself is shown once and stored as a hash."""

    id: str
    user_id: str
    name: str
    token_hash: str = field(repr=False)
    created_at: datetime
    expires_at: datetime
    read_only: bool = False
    #: Accurate to about a minute.
    last_used_at: datetime | None = None


class TokenOfUser(NamedTuple):
    """A personal access token, and the user that it belongs to."""

    token: PersonalToken
    user: User
