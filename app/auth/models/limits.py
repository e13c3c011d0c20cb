"""What is limited, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is limited, and how: `free` hits, then each further one waits twice as long as the one before.

    The first wait is `first_wait`, the longest `longest_wait`. All is forgotten `window` after the first hit.
    """

    key: str
    free: int
    first_wait: timedelta
    longest_wait: timedelta
    window: timedelta
