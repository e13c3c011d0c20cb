"""Describes what is limited, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may happen: `free` times, and after that with waits, each twice as long as the last.

    The first wait is `first_wait`, the longest `longest_wait`. All is forgotten `window` after the first time.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    window: timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """A counter that the store keeps by its key, and the limit that applies to it."""

    key: str
    limit: Limit
