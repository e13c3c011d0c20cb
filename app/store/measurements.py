"""What is counted beside the work, for a few hundred nanoseconds each: read when somebody asks for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

#: Upper bounds of the classes, in seconds.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Distribution:
    """How long something took, in classes."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        #: All of it together, in seconds.
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Once more."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """How often it took at most so long, for each bound, as Prometheus wants it."""
        found, sum_ = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            sum_ += count
            found.append((bound, float(sum_)))
        return found


class StoreMeasurements:
    """The calls of a store.

    Attributes:
        seconds: how long each took, the waiting for its turn included.
        errors: how many were an outage to their caller.
        is_away: whether the database is known not to answer.
    """

    def __init__(self) -> None:
        self.seconds = Distribution()
        self.errors = 0
        self.is_away = False
