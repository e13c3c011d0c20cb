"""What the containers of one deployment share about themselves: the keys that they sign with, and who is alive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair that signs access tokens. `id` is its `kid`: the thumbprint of RFC 7638."""

    id: str
    #: As JWTs name it (RFC 7518 section 3.1, RFC 8037): `EdDSA`, `ES256` or `RS256`.
    algorithm: str
    #: The public half, as the JSON of a JWK (RFC 7517).
    public: str
    #: The private half, encrypted under a key that is derived from the secret; once nothing needs it, nothing is
    #: encrypted in its place, which still shows whose key it was.
    sealed: str = field(repr=False)
    created_at: datetime
    #: From when on it signs. It is published from `created_at` on, so that everybody knows it by then.
    signs_from: datetime
    #: The key of the same algorithm that it follows; empty for the first one.
    previous: str = ""
    #: From when on its tokens no longer count, whatever their life: somebody said so.
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One running process. What it tells of its settings shows no secret."""

    id: str
    started_at: datetime
    #: When it last said that it lives, by its own clock.
    seen_at: datetime
    #: Which machine and which world of process ids: `pid` says something to those with the same alone.
    host: str
    pid: int
    #: How a person knows it.
    name: str
    issuer: str
    #: Of the access tokens that it issues.
    algorithm: str
    #: Fingerprints of its secrets, separated by spaces: the first one signs, all verify.
    secrets: str


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


class Instances(Protocol):
    """Running processes. They are few."""

    async def announce(self, instance: Instance) -> None:
        """Stores it, or replaces what is stored under its id."""
        ...

    async def instances(self) -> list[Instance]:
        """All that announced themselves and did not withdraw, the earliest started first."""
        ...

    async def withdraw(self, instance_id: str) -> None:
        """Forgets it. Does nothing if it is not there."""
        ...
