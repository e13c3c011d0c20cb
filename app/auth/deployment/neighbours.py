"""The other processes on the store: one that could not use what they sign, or they its own, does not start."""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import anyio
import structlog

from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.deployment.differences import other_address, other_time, refusal
from app.auth.deployment.process import process_host, process_life
from app.auth.deployment.sightings import Sighting, Sightings, instance_id
from app.auth.errors import StoreUnavailable
from app.auth.keys import KeyRing
from app.auth.models import Instance
from app.auth.ports import Store

#: How often a process says that it lives.
BEAT_SECONDS: Final = 5.0
#: After so many beats without a word it is taken for dead.
BEATS_MISSED: Final = 3
#: How many beats a doubtful one is given to show that it lives.
DOUBT: Final = 1.2
#: How often a store that is away is asked again, before its first answer.
JOIN_PAUSE_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


class SettingsDiffer(Exception):
    """Another process on the store has other secrets or another algorithm. One line, which shows no secret."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is to be said of the processes that serve the store just now; each line is of one of them.

    Args:
        living: how many there are.
        refusals: why this process could not be one of them.
        addresses: those that people reach by another address.
        clocks: those whose clock is further off than the leeway.
    """

    living: int
    refusals: tuple[str, ...]
    addresses: tuple[str, ...]
    clocks: tuple[str, ...]


class Neighbours:
    """Announces this process in the store, and looks at those that announced themselves there.

    Args:
        config: what this process works by.
        store: where all announce themselves.
        clock: this process' own.
        keys: its secrets.
        beat: how often it says that it lives, in seconds. The same in all processes.
    """

    def __init__(
        self, config: AuthConfig, *, store: Store, clock: Clock, keys: KeyRing, beat: float = BEAT_SECONDS
    ) -> None:
        now = clock.now()
        self._store = store
        self._clock = clock
        self._beat = beat
        self._me = Instance(
            id=instance_id(process_life(), secrets.token_urlsafe(16)),
            started_at=now,
            seen_at=now,
            host=process_host(),
            pid=os.getpid(),
            name=socket.gethostname(),
            issuer=config.issuer,
            algorithm=config.algorithm,
            secrets=" ".join(keys.fingerprints()),
        )
        self._sightings = Sightings(self._me, patience=beat * BEATS_MISSED)
        self._is_announced = False
        self._said: float | None = None
        self._told: set[tuple[str, str]] = set()
        self._agrees = False

    @property
    def agrees(self) -> bool:
        """Whether this process is announced, and had nobody beside it whose settings differ."""
        return self._agrees

    async def join(self) -> None:
        """Announces this process, if it may be one of those that serve the store.

        It looks before, so that one that may not is never seen by others; and after, since of two that start at
        the same moment at least one has to see the other.

        Raises:
            SettingsDiffer: it may not. Nothing of it is left in the store.
            StoreUnavailable: the store did not answer; to be tried again.
        """
        try:
            self._refuse(await self._look())
            if self._sightings.has_doubtful(lambda other: refusal(self._me, other) is not None):
                self._refuse(await self._look_again())
            await self._announce()
            self._refuse(await self._look())
        except SettingsDiffer:
            await self.leave()
            raise
        self._agrees = True

    async def leave(self) -> None:
        """Withdraws this process. A store that is away tells the others by the beats that are missing."""
        self._agrees = False
        if self._is_announced:
            self._is_announced = False
            with suppress(StoreUnavailable):
                await self._store.withdraw(self._me.id)

    async def run(self) -> None:
        """Joins, if that was not done yet, and says that this process lives, until cancelled."""
        pause = self._beat if self._agrees else JOIN_PAUSE_SECONDS
        while True:
            await anyio.sleep(pause)
            pause = self._beat
            try:
                await self._say_and_look()
            except SettingsDiffer as differ:
                log.error("settings_differ", reason=str(differ))
            except StoreUnavailable:  # the store tells of its outage itself
                pause = self._beat if self._agrees else JOIN_PAUSE_SECONDS
            except Exception:
                log.exception("neighbours_failed")

    async def survey(self) -> Survey:
        """Looks, and announces nothing: for whoever asks whether all is well. Raises `StoreUnavailable`.

        It takes a little more than a beat where a record is not of now: is that process dead, or its clock wrong?
        """
        living = await self._look()
        if self._sightings.has_doubtful(lambda _: True):
            living = await self._look_again()
        others = [each.instance for each in living]
        return Survey(
            len(living),
            refusals=tuple(filter(None, (refusal(self._me, other) for other in others))),
            addresses=tuple(filter(None, (other_address(self._me, other) for other in others))),
            clocks=tuple(filter(None, (other_time(each.instance, each.ahead) for each in living))),
        )

    async def _say_and_look(self) -> None:
        # Who was silent for so long was dead to the others, which may have got new settings meanwhile.
        is_back = self._said is None or time.monotonic() - self._said >= self._beat * BEATS_MISSED
        if is_back or not self._agrees:
            await self.join()
        else:
            await self._announce()
        self._tell(await self._look())

    async def _announce(self) -> None:
        self._is_announced = True
        begun = time.monotonic()
        # To its end, also when this process is told to stop: else it might be written after the withdrawal.
        with anyio.CancelScope(shield=True):
            await self._store.announce(replace(self._me, seen_at=self._clock.now()))
        self._said = begun

    async def _look(self) -> list[Sighting]:
        self._sightings.note(await self._store.instances(), self._clock.now())
        return self._sightings.living()

    async def _look_again(self) -> list[Sighting]:
        """Those that live, after time enough for all of them to show it."""
        await anyio.sleep(self._beat * DOUBT)
        return await self._look()

    def _refuse(self, living: list[Sighting]) -> None:
        for each in living:
            line = refusal(self._me, each.instance)
            if line is not None:
                raise SettingsDiffer(line)

    def _tell(self, living: list[Sighting]) -> None:
        """Logs what is wrong with the others: when it begins, and not at every beat."""
        wrong: dict[tuple[str, str], str] = {}
        for each in living:
            for event, line in (
                ("neighbour_differs", refusal(self._me, each.instance)),
                ("addresses_differ", other_address(self._me, each.instance)),
                ("clocks_differ", other_time(each.instance, each.ahead)),
            ):
                if line is not None:
                    wrong[event, each.instance.id] = line
        for key in wrong.keys() - self._told:
            log.warning(key[0], reason=wrong[key])
        self._told = set(wrong)
