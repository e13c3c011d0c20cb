"""Tells auth what time it is, and puts instants and durations into words."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

#: The Unix epoch, which is earlier than any instant that auth deals with.
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The last second since the epoch that `datetime` can hold (in the year 9999).
LAST_SECOND: Final = 253_402_300_799


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Returns the current instant: aware, in UTC, in whole milliseconds."""
        ...


#: How far the clock of another container may be ahead of this process's.
LEEWAY: Final = timedelta(seconds=60)


def _wall() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """The machine's clock, truncated to the milliseconds that every store can keep. It never steps back.

    If it followed the machine's clock when that is set back, what has expired would be valid again. So it goes on
    from where it was, at half the speed, until the machine's clock has caught up: it is right again without a
    restart.

    Args:
        wall: the machine's clock.
        monotonic: a clock in seconds that does not change when the machine's clock is set.
    """

    def __init__(
        self, *, wall: Callable[[], datetime] = _wall, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        #: The last answer, and its monotonic time. They are one attribute because threads call `now` too.
        self._last = (wall(), monotonic())

    def now(self) -> datetime:
        """Returns the current instant: aware, in UTC, in whole milliseconds."""
        told, asked = self._last
        seconds = self._monotonic()
        now = max(self._wall(), told + timedelta(seconds=(seconds - asked) / 2))
        self._last = (now, seconds)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


#: The numbers that are spelled out in running text.
_SMALL_NUMBERS: Final = dict(enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine"), start=2))


def spoken(seconds: int) -> str:
    """Returns a wait as a person would say it: '40 seconds', '3 minutes'.

    It is rounded up, because a try that comes too early would be refused again.
    """
    if seconds <= 90:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes <= 90 else f"{-(-minutes // 60)} hours"


def lasting(duration: timedelta) -> str:
    """Returns how long something is valid, as a sentence would say it: '30 minutes', '24 hours', 'three days'."""
    days, rest = divmod(duration, timedelta(days=1))
    if days > 1 and not rest:
        return f"{_SMALL_NUMBERS.get(days, days)} days"
    return spoken(int(duration.total_seconds()))


def to_the_second(instant: datetime) -> str:
    """Writes an instant for operators, to the second: '2026-11-24 20:15:07 UTC'."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
