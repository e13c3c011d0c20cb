"""What is limited, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may happen: `free` times, then each further time waits twice as long as the one before.

    The first wait is `first_wait`, the longest `longest_wait`. All is forgotten `window` after the first time.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    window: timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """A counter that the store keeps by its key, and the limit that holds for it."""

    key: str
    limit: Limit
