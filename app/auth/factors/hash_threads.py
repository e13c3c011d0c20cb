"""Threads that hash with the lowest priority, for as long as that leaves them enough of a core.

The rest of the process comes first (Linux counts niceness by thread). But a flood of pages can keep a core busy.
A thread of the lowest priority then gets one part in seventy of it, and nobody can log in any more. Without a
privilege a thread can't take its niceness back, so there are threads of several priorities.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

#: The priorities, the lowest first. With the last one, a hash competes as an equal.
NICENESSES: Final = (19, 10, 0) if sys.platform == "linux" else (0,)
#: The share of a core below which a hash is starved, and the one above which hardly anybody else wants the core.
STARVED: Final = 0.25
AT_EASE: Final = 0.75
#: How many hashes in a row have to be at ease before the next ones are nicer.
CALM: Final = 8
#: A share of less than this many seconds says nothing.
MEASURABLE: Final = 0.1
#: A hash that needs less processor time, in seconds, is soon done however little of a core it gets.
CHEAP: Final = 0.02

Result = TypeVar("Result")


class Pace:
    """Decides how nice the next hash is, by the shares of a core that the last ones got.

    Attributes:
        step: an index of `NICENESSES`.
    """

    def __init__(self) -> None:
        self.step = 0
        self._calm = 0

    def note(self, step: int, share: float) -> None:
        """Takes into account that a hash of the priority `step` got `share` of a core."""
        if step != self.step:
            return  # it says nothing about the priority that counts now
        self._calm = self._calm + 1 if share > AT_EASE else 0
        if share < STARVED and step + 1 < len(NICENESSES):
            self.step = step + 1
        elif self._calm >= CALM and step:
            self.step, self._calm = step - 1, 0


@dataclass(frozen=True, slots=True)
class Hashed(Generic[Result]):
    """What a hash yielded, and the processor time that it took, in seconds."""

    value: Result
    seconds: float


class HashThreads:
    """Hashes in threads. Its owner limits how much it gives it at once.

    Args:
        count: how many hashes that are at most.

    Attributes:
        pace: decides the priorities.
        hurried: how often a starved hash was begun again with a higher priority.
    """

    def __init__(self, count: int) -> None:
        self.pace = Pace()
        self.hurried = 0
        self._pools = [
            ThreadPoolExecutor(count, f"hash-{niceness}", initializer=_be, initargs=(niceness,))
            for niceness in NICENESSES
        ]

    def submit(self, work: Callable[[], Result], needs: float) -> Future[Hashed[Result]]:
        """Runs `work` in a thread. Call it on the event loop.

        Args:
            work: a hash. If it is starved, it is begun a second time, and the first to end counts.
            needs: the processor time that it will probably take, in seconds.
        """
        outcome: Future[Hashed[Result]] = Future()
        outcome.set_running_or_notify_cancel()  # who gives up stops no thread
        self._begin(work, outcome, needs, self.pace.step)
        return outcome

    def shutdown(self) -> None:
        """Ends the threads, those that hash once they are done. It is safe to call this twice."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, work: Callable[[], Result], outcome: Future[Hashed[Result]], needs: float, step: int) -> None:
        loop = asyncio.get_running_loop()
        run = _Run(work, outcome, noted=partial(_tell, loop, partial(self.pace.note, step)))
        self._pools[step].submit(run)
        if step + 1 < len(NICENESSES) and needs >= CHEAP:
            again = partial(self._begin, work, outcome, needs)
            self._look_later(run, again, needs, step)

    def _look_later(self, run: _Run[Any], again: Callable[[int], None], needs: float, step: int) -> None:
        """Begins a hash again with the next priority if it is starved after twice the time that it needs."""

        def look() -> None:
            if run.outcome.done():
                return
            share = run.share()
            self.pace.note(step, share)
            if share >= STARVED:
                self._look_later(run, again, needs, step)
                return
            self.hurried += 1
            with suppress(RuntimeError):  # the threads have been ended
                again(step + 1)

        asyncio.get_running_loop().call_later(MEASURABLE + 2 * needs, look)


class _Run(Generic[Result]):
    """One try at a hash. It is called in a thread."""

    def __init__(
        self, work: Callable[[], Result], outcome: Future[Hashed[Result]], noted: Callable[[float], None]
    ) -> None:
        self.outcome = outcome
        self._work = work
        self._noted = noted
        self._since = time.perf_counter()
        self._clock: int | None = None
        self._before = 0.0

    def __call__(self) -> None:
        if self.outcome.done():  # another try was quicker
            return
        self._since, self._before = time.perf_counter(), time.thread_time()
        if len(NICENESSES) > 1:
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            value = self._work()
        except BaseException as error:
            with suppress(InvalidStateError):
                self.outcome.set_exception(error)
            return
        seconds, passed = time.thread_time() - self._before, time.perf_counter() - self._since
        if passed > MEASURABLE:
            self._noted(seconds / passed)
        with suppress(InvalidStateError):  # another try was quicker
            self.outcome.set_result(Hashed(value, seconds))

    def share(self) -> float:
        """Returns the share of a core that it has had so far, 0 if it has not begun."""
        if self._clock is None:
            return 0.0
        try:
            used = time.clock_gettime(self._clock) - self._before
        except OSError:  # the thread has ended
            return 1.0
        return used / (time.perf_counter() - self._since)


def _tell(loop: asyncio.AbstractEventLoop, note: Callable[[float], None], share: float) -> None:
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(note, share)


def _be(niceness: int) -> None:
    """Makes this thread as nice as that. It inherits the niceness of the process, which may be higher."""
    if sys.platform == "linux" and niceness:
        with suppress(OSError):  # where this is forbidden, hashes merely compete for the cores
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
