"""Personal access tokens, as a store keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.auth.models import (
    PersonalToken,
    TokenOfUser,
)


class Tokens(Protocol):
    """Personal access tokens."""

    async def add_token(self, token: PersonalToken, *, limit: int) -> bool:
        """Stores it, unless the user has `limit` tokens already; whether it did. Under parallel calls the limit
        may be exceeded by as many."""
        ...

    async def tokens_of(self, user_id: str) -> list[PersonalToken]:
        """The user's tokens, expired ones too, the newest first."""
        ...

    async def token_with_user(self, token_hash: str) -> TokenOfUser | None:
        """The token with that hash, and its user. None if either is gone."""
        ...

    async def touch_token(self, token_id: str, *, at: datetime) -> None:
        """Sets `last_used_at`."""
        ...

    async def remove_token(self, user_id: str, token_id: str) -> bool:
        """Removes it, if it is that user's; whether it was there."""
        ...
