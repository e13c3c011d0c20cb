"""Runs hashes in a few low-priority threads behind a bounded queue, so that nothing but a login waits for a hash.

Hashing threads take every core for as long as people log in, and the event loop, which is one thread among them,
would get its turn late. So the rest of the process comes first (see `hash_threads`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from app.auth.errors import TooBusy
from app.auth.factors.hash_threads import HashThreads
from app.auth.limits import Asker, Turns

#: How much hashing may be in front of a hash, in seconds of a thread that has a core to itself. If the queue is
#: longer, the next hash is refused. It is refused for its length, and not because others take the cores meanwhile.
MAX_WAIT: Final = 5.0

Result = TypeVar("Result")


@dataclass(slots=True)
class Counts:
    """What happened since the start, for the metrics."""

    #: Hashes that were begun, and how many seconds they waited for a thread in total.
    begun: int = 0
    waited: float = 0.0
    #: Hashes that were refused because too many were waiting.
    refused: int = 0


class HashQueue:
    """Runs work in a bounded number of threads, where the clients take turns.

    Args:
        threads: how many hashes run at once; bcrypt releases the interpreter lock meanwhile.
        seconds_per_hash: a first estimate of the processor time that one takes, which every hash corrects.
    """

    def __init__(self, *, threads: int, seconds_per_hash: float) -> None:
        self.counts = Counts()
        self._threads = threads
        self._seconds_per_hash = seconds_per_hash
        self._pool = HashThreads(threads)
        self._running = 0
        self._turns: Turns[asyncio.Future[None]] = Turns()

    @property
    def running(self) -> int:
        """How many hashes are being computed."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many hashes wait for a thread."""
        return len(self._turns)

    @property
    def capacity(self) -> int:
        """How many hashes may run or wait at once, as long as they take as long as the last ones took."""
        return self._threads + int(MAX_WAIT * self._threads / self._seconds_per_hash)

    @property
    def expected_wait(self) -> float:
        """How long the last hash in the queue will wait for a thread, in seconds, if nobody else computes."""
        if self._running < self._threads:
            return 0.0
        return (self._running + len(self._turns)) * self._seconds_per_hash / self._threads

    async def run(self, work: Callable[[], Result], asker: Asker) -> Result:
        """Runs `work` in a thread. If the caller gives up before it has begun, it never runs.

        Raises:
            TooBusy: the queue is longer than `MAX_WAIT` seconds, and nobody has more hashes in it than the asker.
            Exception: anything that `work` raises.
        """
        started = time.monotonic()
        await self._take_thread(asker)
        self.counts.begun += 1
        self.counts.waited += time.monotonic() - started
        loop = asyncio.get_running_loop()
        try:
            future = self._pool.submit(work, self._seconds_per_hash)
        except BaseException:
            self._free_thread()
            raise

        def end(_: object) -> None:
            # The thread is free when the work ends, not when the caller gives up: hanging up frees no thread.
            with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
                loop.call_soon_threadsafe(self._free_thread)

        future.add_done_callback(end)
        hashed = await asyncio.wrap_future(future)
        self._seconds_per_hash += 0.1 * (hashed.seconds - self._seconds_per_hash)
        return hashed.value

    def close(self) -> None:
        """Releases the threads. It is safe to call this twice."""
        self._pool.shutdown()

    async def _take_thread(self, asker: Asker) -> None:
        if self._running < self._threads:
            self._running += 1
            return
        if self.expected_wait > MAX_WAIT:
            self._refuse_one(asker)
        turn = asyncio.get_running_loop().create_future()
        self._turns.add(asker, turn)
        try:
            await turn  # the thread is handed over, and counts as running all the while
        except BaseException:
            if turn.cancelled():
                self._turns.remove(asker, turn)
            elif turn.exception() is None:  # it was handed over at the moment when the caller gave up
                self._free_thread()
            raise

    def _refuse_one(self, asker: Asker) -> None:
        """Refuses somebody who crowds the asker out, or else the asker. Raises `TooBusy` for the asker."""
        self.counts.refused += 1
        refusal = TooBusy(retry_after=max(1, round(self.expected_wait)))
        turn = self._turns.make_room(asker)
        if turn is None:
            raise refusal
        if not turn.done():
            turn.set_exception(refusal)

    def _free_thread(self) -> None:
        while self._turns:
            turn = self._turns.take()
            if not turn.done():  # if it is done, its caller was cancelled just now
                turn.set_result(None)
                return
        self._running -= 1
