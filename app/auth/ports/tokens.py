"""Defines how a store keeps personal access tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.auth.models import (
    PersonalToken,
    TokenOfUser,
)


class Tokens(Protocol):
    """The personal access tokens."""

    async def add_token(self, token: PersonalToken, *, limit: int) -> bool:
        """Stores the token unless the user has `limit` tokens already. Returns whether it did.

        The limit is part of the write: parallel calls, in several processes, never exceed it.
        """
        ...

    async def tokens_of(self, user_id: str) -> list[PersonalToken]:
        """Returns the user's tokens, including expired ones, the newest first."""
        ...

    async def token_with_user(self, token_hash: str) -> TokenOfUser | None:
        """Returns the token with that hash, and its user; None if either is gone."""
        ...

    async def touch_token(self, token_id: str, *, at: datetime) -> None:
        """Sets `last_used_at`."""
        ...

    async def remove_token(self, user_id: str, token_id: str) -> bool:
        """Removes the token if it is that user's. Returns whether it was there."""
        ...
