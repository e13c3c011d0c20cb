"""Hashes in a few threads of low priority, behind a bounded queue: nothing but a login waits for a hash.

Threads that hash take every core for as long as people log in, and the event loop, one thread among them, would
get its turn late. So they are nice, which Linux counts by thread: whatever else the process does comes first.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from app.auth.errors import TooBusy
from app.auth.limits import Asker, Turns

#: How long a hash may have to wait for a thread, in seconds, before the next one is refused.
MAX_WAIT: Final = 5.0
#: The lowest priority that there is.
NICENESS: Final = 19

Result = TypeVar("Result")


@dataclass(slots=True)
class Counts:
    """What happened since the start, for the metrics."""

    #: Hashes that were begun, and the seconds that they waited for a thread, together.
    begun: int = 0
    waited: float = 0.0
    #: Hashes that were refused because too many waited.
    refused: int = 0


class HashQueue:
    """Runs work in a bounded number of threads, each client's in its turn.

    Args:
        threads: how much runs at once; bcrypt frees the interpreter lock meanwhile.
        seconds_per_hash: a first guess, corrected by every hash.
    """

    def __init__(self, *, threads: int, seconds_per_hash: float) -> None:
        self.counts = Counts()
        self._threads = threads
        self._seconds_per_hash = seconds_per_hash
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hash", initializer=_be_nice)
        self._running = 0
        self._turns: Turns[asyncio.Future[None]] = Turns()

    @property
    def running(self) -> int:
        """How many hashes are being computed."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return len(self._turns)

    @property
    def capacity(self) -> int:
        """How many may run or wait at once, as long as a hash takes what the last ones took."""
        return self._threads + int(MAX_WAIT * self._threads / self._seconds_per_hash)

    @property
    def expected_wait(self) -> float:
        """How long the last in the queue will have waited for a thread, in seconds."""
        if self._running < self._threads:
            return 0.0
        return (self._running + len(self._turns)) * self._seconds_per_hash / self._threads

    async def run(self, work: Callable[[], Result], asker: Asker) -> Result:
        """Runs `work` in a thread. If its caller gives up before it began, it never does.

        Raises:
            TooBusy: those who wait fill `MAX_WAIT` seconds, and nobody has more among them than the asker.
            Exception: whatever `work` raises.
        """
        started = time.monotonic()
        await self._take_thread(asker)
        self.counts.begun += 1
        self.counts.waited += time.monotonic() - started
        loop = asyncio.get_running_loop()
        try:
            future = self._pool.submit(_timed, work)
        except BaseException:
            self._free_thread()
            raise

        def end(_: object) -> None:
            # When the work ends, not when its caller gives up: a client that hangs up frees no thread.
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._free_thread)

        future.add_done_callback(end)
        result, seconds = await asyncio.wrap_future(future)
        self._seconds_per_hash += 0.1 * (seconds - self._seconds_per_hash)
        return result

    def close(self) -> None:
        """Lets go of the threads. Safe to call twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _take_thread(self, asker: Asker) -> None:
        if self._running < self._threads:
            self._running += 1
            return
        if self.expected_wait > MAX_WAIT:
            self._refuse_one(asker)
        turn = asyncio.get_running_loop().create_future()
        self._turns.add(asker, turn)
        try:
            await turn  # the thread is handed over: it counts as running all the while
        except BaseException:
            if turn.cancelled():
                self._turns.remove(asker, turn)
            elif turn.exception() is None:  # handed over, and given up at the same moment
                self._free_thread()
            raise

    def _refuse_one(self, asker: Asker) -> None:
        """Refuses somebody who crowds the asker out, or the asker."""
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
            if not turn.done():  # else its owner was cancelled just now
                turn.set_result(None)
                return
        self._running -= 1


def _be_nice() -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # where that is forbidden, hashes merely compete
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started
