"""What time it is, as auth sees it, and how long a while is, as people say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

#: Before everything that is told here.
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The last second since then that `datetime` can hold (in the year 9999).
LAST_SECOND: Final = 253_402_300_799


class SystemClock:
    """The machine's clock, cut to the milliseconds that every store can keep."""

    def now(self) -> datetime:
        """This instant: aware, UTC, whole milliseconds."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def spoken(seconds: int) -> str:
    """How a person would say it: '40 seconds', '3 minutes'. Rounded up: earlier would be refused again."""
    if seconds <= 90:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes <= 90 else f"{-(-minutes // 60)} hours"
