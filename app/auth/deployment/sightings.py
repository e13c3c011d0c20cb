"""Tells which other processes live, by whether their records change, because clocks may be wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.auth.deployment.process import is_gone
from app.auth.models import Instance


def instance_id(life: str, name: str) -> str:
    """Returns the id of a record: the process life that announced it, and a name that is unique."""
    return f"{life}.{name}"


def _life(instance: Instance) -> str:
    """Returns the life of the process that announced it (see `process_life`)."""
    return instance.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record of another process, as of the last look."""

    instance: Instance
    looked_at: datetime
    #: When the record was last seen to change, in seconds of the monotonic clock. None if it never was.
    changed: float | None = None
    #: How far its clock is ahead of ours, at least. This is known once the record was seen to change.
    ahead: timedelta = timedelta()


class Sightings:
    """Remembers what was seen of the other processes.

    Args:
        me: the process that looks.
        patience: how long a process counts as living without an announcement, in seconds.
    """

    def __init__(self, me: Instance, *, patience: float) -> None:
        self._me = me
        self._patience = patience
        self._seen: dict[str, Sighting] = {}

    def note(self, found: Iterable[Instance], now: datetime) -> None:
        """Takes in what the store returned at `now`."""
        tick = time.monotonic()
        others = [each for each in found if each.id != self._me.id]
        self._seen = {each.id: self._sight(each, now, tick) for each in others}

    def living(self) -> list[Sighting]:
        """Returns the processes that live."""
        return [each for each in self._seen.values() if self._lives(each)]

    def has_doubtful(self, matters: Callable[[Instance], bool]) -> bool:
        """Returns whether another look will tell more about a process that `matters`.

        That is one whose recorded time is not the present: it is dead, or its clock is wrong.
        """
        return any(
            each.changed is None
            and not self._lives(each)
            and not self._is_dead(each.instance)
            and matters(each.instance)
            for each in self._seen.values()
        )

    def _sight(self, instance: Instance, now: datetime, tick: float) -> Sighting:
        before = self._seen.get(instance.id)
        if before is None:
            return Sighting(instance, now)
        if before.instance.seen_at == instance.seen_at:
            return replace(before, looked_at=now)
        # The record was written between the two looks. As far as its time says otherwise, its clock is off.
        ahead = max(instance.seen_at - now, timedelta()) + min(instance.seen_at - before.looked_at, timedelta())
        return Sighting(instance, now, tick, ahead)

    def _lives(self, seen: Sighting) -> bool:
        if self._is_dead(seen.instance):
            return False
        if seen.changed is not None:
            return time.monotonic() - seen.changed < self._patience
        return abs(seen.looked_at - seen.instance.seen_at) < timedelta(seconds=self._patience)

    def _is_dead(self, other: Instance) -> bool:
        """Returns whether it is gone for certain, as a process of this machine that no longer exists."""
        if other.host != self._me.host:
            return False
        # The process of a container is number 1 every time, so the same id may mean an earlier life.
        return _life(other) != _life(self._me) if other.pid == self._me.pid else is_gone(other.pid)
