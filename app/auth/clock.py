"""What time it is, as auth sees it."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, cut to the milliseconds that every store can keep."""

    def now(self) -> datetime:
        """This instant: aware, UTC, whole milliseconds."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
