"""Runs a bounded number of requests in threads, while a bounded number wait for their turn."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import structlog

from app.bridge.threads import Threads

#: How long a request may keep its place before that is told, in seconds.
LATE: Final = 1.0
#: How many answers of one pool may wait for slow clients without keeping a place.
MAX_ASIDE: Final = 100

T = TypeVar("T")
#: What a request calls, in its thread, when it has its result. What it does after that keeps nobody waiting.
HandOver: TypeAlias = Callable[[T], None]
#: What a request calls, on the loop, once it only waits for its client.
StepAside = Callable[[], None]

_log = structlog.stdlib.get_logger("duet.bridge")


def _nothing() -> None: ...


class PoolFull(Exception):
    """As many requests wait for a thread as are allowed to."""


class ClientGone(Exception):
    """The client went away before its answer was complete."""


class Pool:
    """Threads that run one request each.

    Requests wait on the event loop and not in the executor's queue, so that a client that goes away leaves its
    place to another. A request that waits for its client to take the answer steps aside: otherwise ten clients
    that read nothing would keep everybody from every page.

    Args:
        name: the threads' name.
        threads: how many requests run at once.
        max_queued: how many more requests may wait.
    """

    def __init__(self, name: str, *, threads: int, max_queued: int) -> None:
        self.name = name
        self._threads = Threads(name, keep=threads)
        self._running: set[Future[Any]] = set()
        self._free = asyncio.Semaphore(threads)
        self._max_queued = max_queued
        self._places = threads
        self._queued = 0
        self._aside = 0

    @property
    def is_full(self) -> bool:
        """Whether the next request would have to wait."""
        return self._free.locked()

    def counts(self) -> dict[str, int]:
        """Return how many requests have a place, wait for one, or only wait for their clients, and the places."""
        running = len(self._running) - self._aside
        return {"running": running, "waiting": self._queued, "aside": self._aside, "places": self._places}

    async def run(
        self,
        work: Callable[[HandOver[T], StepAside], None],
        gone: Callable[[], Coroutine[Any, Any, None]],
        late: Callable[[], None] = _nothing,
    ) -> T:
        """Run `work` in a thread, within a copy of the caller's context variables, until it hands over its result.

        It keeps its place until it ends.

        Args:
            work: what to run. It must call its first argument once, and may call its second on the event loop.
            gone: a coroutine function that returns once the client is gone. It runs while the request waits
                for a thread.
            late: called on the loop once the request has kept its place for `LATE` seconds, whether or not its
                client is still there.

        Raises:
            PoolFull: no thread is free, and neither is a place to wait for one.
            ClientGone: the client went away while it waited.
            Exception: whatever `work` raises before it hands over. What it raises later is logged.
        """
        if self._free.locked():
            await self._queue(gone)
        else:
            await self._free.acquire()  # does not switch to another task, since it is free
        place = _Place(self, late)
        result: Future[T] = Future()
        result.set_running_or_notify_cancel()  # the thread goes on even if the server gives the request up
        try:
            future = self._threads.submit(
                partial(contextvars.copy_context().run, _do, work, result, place.step_aside)
            )
        except BaseException:
            place.leave()
            raise
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        try:
            return await asyncio.wrap_future(result)
        finally:
            _leave_after(future, place)

    async def _queue(self, gone: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._queued >= self._max_queued:
            raise PoolFull
        self._queued += 1
        turn = asyncio.ensure_future(self._free.acquire())
        watch = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({turn, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                raise ClientGone
        except BaseException:
            if not turn.cancel() and not turn.cancelled():
                self._free.release()
            raise
        finally:
            self._queued -= 1
            watch.cancel()

    async def aclose(self, seconds: float) -> None:
        """End the threads, and wait at most `seconds` for running ones: no thread can be ended from outside."""
        self._threads.shutdown()
        if running := [asyncio.wrap_future(future) for future in tuple(self._running)]:
            await asyncio.wait(running, timeout=seconds)


def _do(work: Callable[[HandOver[T], StepAside], None], result: "Future[T]", step_aside: StepAside) -> None:
    try:
        work(result.set_result, step_aside)
    except BaseException as error:
        if result.done():  # the answer stands
            _log.exception("after_answer_failed")
        else:
            result.set_exception(error)


class _Place:
    """One request's place in a pool. It is only used on the event loop."""

    def __init__(self, pool: Pool, late: Callable[[], None]) -> None:
        self._pool = pool
        self._late = asyncio.get_running_loop().call_later(LATE, late)
        self._is_aside = False
        self._has_left = False

    def step_aside(self) -> None:
        """Give the place to the next request, while this one's thread waits for its client."""
        if not self._is_aside and not self._has_left and self._pool._aside < MAX_ASIDE:
            self._is_aside = True
            self._late.cancel()
            self._pool._aside += 1
            self._pool._free.release()

    def leave(self) -> None:
        """Free the place, since the request is done."""
        self._has_left = True
        self._late.cancel()
        if self._is_aside:
            self._pool._aside -= 1
        else:
            self._pool._free.release()


def _leave_after(future: "Future[Any]", place: _Place) -> None:
    """Free the place: now if the thread has ended, or when it does if the server gave the request up."""
    if future.done():
        place.leave()
        return
    loop = asyncio.get_running_loop()

    def leave(_: "Future[Any]") -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(place.leave)

    future.add_done_callback(leave)
