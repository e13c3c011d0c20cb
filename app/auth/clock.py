"""What time it is, as auth sees it, and how people say instants and durations."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

#: Before everything that is told here.
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The last second since then that `datetime` can hold (in the year 9999).
LAST_SECOND: Final = 253_402_300_799


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """This instant: aware, UTC, whole milliseconds."""
        ...


#: How far ahead of this process the clock of another container may run.
LEEWAY: Final = timedelta(seconds=60)


def _wall() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """The machine's clock, cut to the milliseconds that every store can keep. It never steps back.

    Where the machine's was set back, what has expired would live again. So this one goes on from where it was, at
    half the speed, until the machine's has caught up: it ends up right without a restart.

    Args:
        wall: the machine's clock.
        monotonic: seconds that no setting of the clock touches.
    """

    def __init__(
        self, *, wall: Callable[[], datetime] = _wall, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        #: What was told last, and when. One attribute: threads ask too.
        self._last = (wall(), monotonic())

    def now(self) -> datetime:
        """This instant: aware, UTC, whole milliseconds."""
        told, asked = self._last
        seconds = self._monotonic()
        now = max(self._wall(), told + timedelta(seconds=(seconds - asked) / 2))
        self._last = (now, seconds)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


#: Written out, as in running text.
_SMALL_NUMBERS: Final = dict(enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine"), start=2))


def spoken(seconds: int) -> str:
    """How a person would say it: '40 seconds', '3 minutes'. Rounded up: earlier would be refused again."""
    if seconds <= 90:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes <= 90 else f"{-(-minutes // 60)} hours"


def lasting(duration: timedelta) -> str:
    """How long something counts, as a sentence says it: '30 minutes', '24 hours', 'three days'."""
    days, rest = divmod(duration, timedelta(days=1))
    if days > 1 and not rest:
        return f"{_SMALL_NUMBERS.get(days, days)} days"
    return spoken(int(duration.total_seconds()))


def to_the_second(instant: datetime) -> str:
    """'2026-11-24 20:15:07 UTC', for operators."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
