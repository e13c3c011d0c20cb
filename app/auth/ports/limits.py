"""Counters, as a store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.auth.models import Bucket
from app.auth.ports.logins import Blocked


class Hits(Protocol):
    """Counters of what is limited: one atomic step, right under parallel calls and across processes."""

    async def hit(self, bucket: Bucket, *, now: datetime) -> datetime | None:
        """Counts one hit and returns None; or counts nothing and returns until when `bucket` is blocked.

        After the `free` hits of its limit each further one blocks the next for twice as long as before: the hit
        number `free` blocks for `first_wait`, the next for twice that, up to `longest_wait`. `window` after its
        first hit a bucket begins anew.
        """
        ...

    async def hit_all(self, buckets: Sequence[Bucket], *, now: datetime) -> Blocked | None:
        """Counts one hit on each; or on none, and returns the first that is blocked."""
        ...

    async def take_back_hits(self, *keys: str) -> None:
        """Undoes one hit on each, and lifts the block that it caused."""
        ...

    async def forget_hits(self, *keys: str) -> None:
        """They begin anew."""
        ...
