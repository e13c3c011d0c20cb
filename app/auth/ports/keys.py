"""Defines how a store keeps the key pairs that the containers of a deployment sign with."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.auth.models import SigningKey


class SigningKeys(Protocol):
    """The key pairs, of which there are few."""

    async def add_signing_key(self, key: SigningKey) -> bool:
        """Stores the key unless another of its algorithm has the same `previous`. Returns whether it did.

        Of many callers, only one succeeds.
        """
        ...

    async def signing_keys(self) -> list[SigningKey]:
        """Returns all key pairs, the one with the earliest `created_at` first."""
        ...

    async def set_sealed(self, key_id: str, sealed: str, *, expected: str) -> bool:
        """Replaces the encrypted half if it still is `expected`. Returns whether it did."""
        ...

    async def retire_signing_key(self, key_id: str, *, at: datetime) -> bool:
        """Sets `retired_at` unless it is set to that instant or an earlier one already. Returns whether it did."""
        ...

    async def remove_signing_key(self, key_id: str) -> bool:
        """Forgets the key. Returns whether it was there."""
        ...
