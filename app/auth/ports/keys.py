"""What the containers of one deployment share about themselves: the keys that they sign with, and who is alive."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.auth.models import SigningKey


class SigningKeys(Protocol):
    """Key pairs. They are few."""

    async def add_signing_key(self, key: SigningKey) -> bool:
        """Stores it unless one of its algorithm has the same `previous`: of many callers one gets its way."""
        ...

    async def signing_keys(self) -> list[SigningKey]:
        """All of them, the oldest `created_at` first."""
        ...

    async def set_sealed(self, key_id: str, sealed: str, *, expected: str) -> bool:
        """Replaces the encrypted half if it still is `expected`; whether it did."""
        ...

    async def retire_signing_key(self, key_id: str, *, at: datetime) -> bool:
        """Sets `retired_at` unless it is set already to that instant or an earlier one; whether it did."""
        ...

    async def remove_signing_key(self, key_id: str) -> bool:
        """Forgets it; whether it was there."""
        ...
