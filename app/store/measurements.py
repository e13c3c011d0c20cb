"""Measurements taken beside the work, at a few hundred nanoseconds each. They are read for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

#: Upper bounds of the buckets, in seconds.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Distribution:
    """A histogram of how long something took."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        #: The sum of all durations, in seconds.
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Adds one duration."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Returns, for each bound, how many durations were at most that long, as Prometheus expects."""
        found, sum_ = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            sum_ += count
            found.append((bound, float(sum_)))
        return found


class StoreMeasurements:
    """Measurements of a store.

    Single calls are not measured: how many a request causes tells whether an account was found.

    Attributes:
        seconds: how long a look at the database took, once a second, including the wait for its turn.
        errors: how many calls met an outage.
        is_away: whether the database is known not to answer.
    """

    def __init__(self) -> None:
        self.seconds = Distribution()
        self.errors = 0
        self.is_away = False
