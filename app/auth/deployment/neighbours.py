"""Watches the other processes on the store. One starts only if all can verify each other's tokens."""

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

#: How often a process announces that it lives, in seconds.
BEAT_SECONDS: Final = 5.0
#: After this many beats without an announcement, a process is taken for dead.
BEATS_MISSED: Final = 3
#: How many beats a doubtful process is given to show that it lives.
DOUBT: Final = 1.2
#: How long to wait before asking a store that is away again, until its first answer, in seconds.
JOIN_PAUSE_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


class SettingsDiffer(Exception):
    """Another process on the store has other secrets or another algorithm. The text is a line without a secret."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to say about the processes that serve the store now. Each line is about one of them.

    Args:
        living: how many there are.
        refusals: why this process could not be one of them.
        addresses: which ones people reach at another address.
        clocks: which ones have a clock that is off by more than the leeway.
    """

    living: int
    refusals: tuple[str, ...]
    addresses: tuple[str, ...]
    clocks: tuple[str, ...]


class Neighbours:
    """Announces this process in the store, and looks at the others that announced themselves there.

    Args:
        config: the configuration of this process.
        store: where all processes announce themselves.
        clock: this process's own clock.
        keys: this process's secrets.
        beat: how often it announces that it lives, in seconds. It is the same in all processes.
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
        """Whether this process is announced and found no other whose settings differ."""
        return self._agrees

    async def join(self) -> None:
        """Announces this process, if it may serve the store together with the others.

        It looks before it announces itself, so that the others never see a process that may not serve. It looks
        again afterwards, because of two that start at the same moment, at least one has to see the other.

        Raises:
            SettingsDiffer: it may not serve the store. Nothing of it is left there.
            StoreUnavailable: the store did not answer; try again.
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
        """Withdraws this process. If the store is away, the others notice it by the missing beats."""
        self._agrees = False
        if self._is_announced:
            self._is_announced = False
            with suppress(StoreUnavailable):
                await self._store.withdraw(self._me.id)

    async def run(self) -> None:
        """Joins, unless this was done already, and announces that this process lives, until it is cancelled."""
        pause = self._beat if self._agrees else JOIN_PAUSE_SECONDS
        while True:
            await anyio.sleep(pause)
            pause = self._beat
            try:
                await self._say_and_look()
            except SettingsDiffer as differ:
                log.error("settings_differ", reason=str(differ))
            except StoreUnavailable:  # the store logs its own outage
                pause = self._beat if self._agrees else JOIN_PAUSE_SECONDS
            except Exception:
                log.exception("neighbours_failed")

    async def survey(self) -> Survey:
        """Looks without announcing anything, for callers that ask whether all is well. Raises `StoreUnavailable`.

        It takes a little more than a beat if the time in a record is not the present: that process may be dead, or
        its clock may be wrong.
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
        # After so long a silence, this process was dead to the others, which may have got new settings meanwhile.
        is_back = self._said is None or time.monotonic() - self._said >= self._beat * BEATS_MISSED
        if is_back or not self._agrees:
            await self.join()
        else:
            await self._announce()
        self._tell(await self._look())

    async def _announce(self) -> None:
        self._is_announced = True
        begun = time.monotonic()
        # Finished even when this process is told to stop: otherwise it might be written after the withdrawal.
        with anyio.CancelScope(shield=True):
            await self._store.announce(replace(self._me, seen_at=self._clock.now()))
        self._said = begun

    async def _look(self) -> list[Sighting]:
        self._sightings.note(await self._store.instances(), self._clock.now())
        return self._sightings.living()

    async def _look_again(self) -> list[Sighting]:
        """Returns those that live, after enough time for all of them to show it."""
        await anyio.sleep(self._beat * DOUBT)
        return await self._look()

    def _refuse(self, living: list[Sighting]) -> None:
        for each in living:
            line = refusal(self._me, each.instance)
            if line is not None:
                raise SettingsDiffer(line)

    def _tell(self, living: list[Sighting]) -> None:
        """Logs what is wrong with the others, once when it begins and not at every beat."""
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
