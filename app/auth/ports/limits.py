"""Defines how a store keeps counters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.auth.models import Bucket
from app.auth.ports.logins import Blocked


class Hits(Protocol):
    """The counters of what is limited. Each method is one atomic step, for parallel calls and across processes."""

    async def hit(self, bucket: Bucket, *, now: datetime) -> datetime | None:
        """Counts one hit and returns None, or counts nothing and returns until when `bucket` is blocked.

        From hit number `free` of its limit on, each hit blocks the next one, for twice as long as the last: that
        one blocks for `first_wait`, the one after it for twice as long, and so on up to `longest_wait`. A bucket
        starts again from zero `window` after its first hit.
        """
        ...

    async def hit_all(self, buckets: Sequence[Bucket], *, now: datetime) -> Blocked | None:
        """Counts one hit on each bucket. If any is blocked, counts none and returns the first of those."""
        ...

    async def take_back_hits(self, *keys: str) -> None:
        """Undoes one hit on each counter, and lifts the block that it caused."""
        ...

    async def forget_hits(self, *keys: str) -> None:
        """Resets these counters."""
        ...
