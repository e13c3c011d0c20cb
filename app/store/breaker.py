"""What both stores share about faults: a bounded wait, one word for every outage, and recovery by itself.

Each piece of work runs in a task of its own. A caller that is cancelled or out of patience walks away; the
work goes on to its commit or rollback, so a connection is never left in the middle of a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from app.auth.errors import StoreUnavailable
from app.store.measurements import StoreMeasurements
from app.store.places import Places

T = TypeVar("T")

#: How long a caller waits for its turn, and from then on for an answer, in seconds.
PATIENCE: Final = 2.4
#: How much longer a caller waits if this process itself was late, in seconds.
LATENESS: Final = 0.1
#: Pause between two probes while the database is away, in seconds.
PROBE_PAUSE: Final = 1.0

NO_ANSWER: Final = "no answer in time"
#: What callers are told whose turn did not come.
BUSY: Final = "Too many people use this service at this moment. Nothing was lost; please try again shortly."

log = structlog.get_logger()


class StoreUnusable(StoreUnavailable):
    """The database can't be used until its operator acts; the message says how.

    Only `open` raises it: the message is for the person who runs Duet, not for visitors.
    """


class Breaker:
    """Runs the work of one store, and fails at once while its database is known to be away.

    `prepare` connects and checks, and also serves as the probe. `diagnose` says in a few words, without secrets,
    why an exception of the driver means an outage; it returns None if the exception is the caller's mistake.
    """

    def __init__(
        self,
        store: str,
        *,
        prepare: Callable[[], Awaitable[None]],
        driver_errors: tuple[type[Exception], ...],
        diagnose: Callable[[Exception], str | None],
        patience: float = PATIENCE,
        probe_pause: float = PROBE_PAUSE,
    ) -> None:
        self._store = store
        self._prepare = prepare
        self._driver_errors = driver_errors
        self._diagnose = diagnose
        self._patience = patience
        self._probe_pause = probe_pause
        self.measurements = StoreMeasurements()
        self._opened = False
        self._away: str | None = None
        self._opening = asyncio.Lock()
        self._prober: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Prepares the database now. Raises `StoreUnavailable` if that fails, and retries in the background."""
        self._opened = True
        task = self._start(self._try(is_opening=True))
        await asyncio.wait({task})
        try:
            task.result()
        except self._driver_errors as error:
            raise StoreUnavailable from error

    async def close(self) -> None:
        """Stops probing, and waits for work that has begun, which the driver's timeouts bound."""
        self._opened = False
        self._away = None
        if self._prober is not None:
            self._prober.cancel()
            await asyncio.wait({self._prober})
            self._prober = None
        if self._running:
            await asyncio.wait(self._running, timeout=self._patience)

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]], places: Places) -> T:
        """Returns the result of `work`, which begins when it is the caller's turn in `places`.

        Work that has not begun when its caller gives up never begins.

        Raises:
            StoreUnavailable: it was not the caller's turn in time, which says nothing about the database; or the
                database is away, or did not answer in time once the work had begun.
        """
        try:
            return await self._call(work, places)
        except StoreUnavailable:
            self.measurements.errors += 1
            raise

    async def _call(self, work: Callable[[], Coroutine[Any, Any, T]], places: Places) -> T:
        self._check()
        try:
            async with asyncio.timeout(self._patience):
                await places.take()
        except TimeoutError as error:
            # A long queue alone is no outage: the callers whose turn it is find out whether the database answers.
            raise StoreUnavailable(BUSY) from error
        try:
            self._check()
        except StoreUnavailable:
            places.free()
            raise
        task = self._start(work(), places)
        # Only now: after a long wait for a turn, a healthy database would have too little time to answer.
        await asyncio.wait({task}, timeout=self._patience)
        if not task.done():
            # Either the database is late or this loop stood still: an answer about to arrive still counts.
            await asyncio.wait({task}, timeout=LATENESS)
        if not task.done():
            self._trip(NO_ANSWER)
            raise StoreUnavailable from TimeoutError()
        return self._outcome(task)

    def _check(self) -> None:
        if not self._opened or self._away is not None:
            raise StoreUnavailable

    def _start(self, work: Coroutine[Any, Any, T], places: Places | None = None) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._running.add(task)

        def settle(done: asyncio.Task[T]) -> None:
            self._running.discard(done)
            # This comes before the place is freed: nobody must begin on a database that has just gone.
            self._judge(done)
            if places is not None:
                places.free()

        task.add_done_callback(settle)
        return task

    def _judge(self, done: asyncio.Task[Any]) -> None:
        error = None if done.cancelled() else done.exception()  # retrieved here, since the caller may be gone
        if isinstance(error, self._driver_errors) and (reason := self._diagnose(error)) is not None:
            self._trip(reason)

    def _outcome(self, task: asyncio.Task[T]) -> T:
        try:
            return task.result()
        except self._driver_errors as error:
            if self._diagnose(error) is None:
                raise ValueError("the database driver refused a value or a call as wrong") from error
            raise StoreUnavailable from error

    def _trip(self, reason: str, *, is_told: bool = False) -> None:
        if not self._opened or self._away is not None:
            return
        self._away = reason
        self.measurements.is_away = True
        if not is_told:
            log.error("store_away", store=self._store, reason=reason)
        if self._prober is None or self._prober.done():
            self._prober = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        while self._away is not None:
            # The attempt runs in its own task: `close` ends this loop, but never an attempt that is half done.
            await asyncio.wait({self._start(self._try())})
            if self._away is not None:
                await asyncio.sleep(self._probe_pause)

    async def _try(self, *, is_opening: bool = False) -> None:
        async with self._opening:
            try:
                await self._prepare()
            except StoreUnusable as error:
                self._trip(error.message, is_told=is_opening)  # whoever opens it reports the error
                raise
            except Exception as error:
                self._trip(self._diagnose(error) or type(error).__name__)
                raise
            if self._away is not None:
                self._away = None
                self.measurements.is_away = False
                log.info("store_back", store=self._store)
