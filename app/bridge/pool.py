"""A bounded number of threads, with a bounded number of requests that wait for one."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class PoolFull(Exception):
    """As many requests wait for a thread as may."""


class ClientGone(Exception):
    """The client went away before its answer was complete."""


class Pool:
    """Threads that run one request each.

    The waiting is done on the event loop and not in the executor's queue, so that a client that goes away
    leaves its place to another.

    Args:
        name: the threads' name.
        threads: how many run at once.
        max_queued: how many more requests may wait.
    """

    def __init__(self, name: str, *, threads: int, max_queued: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._running: set[Future[Any]] = set()
        self._free = asyncio.Semaphore(threads)
        self._max_queued = max_queued
        self._queued = 0

    async def run(self, work: Callable[[], T], gone: Callable[[], Coroutine[Any, Any, None]]) -> T:
        """Run `work` in a thread, within a copy of the caller's context variables.

        Args:
            work: what to run.
            gone: a coroutine function that returns once the client is gone; it is asked while the request
                waits for a thread.

        Raises:
            PoolFull: no thread is free, and no place to wait for one.
            ClientGone: the client went away while it waited.
            Exception: whatever `work` raises.
        """
        if self._free.locked():
            await self._queue(gone)
        else:
            await self._free.acquire()  # without a switch to another task: it is free
        try:
            future = self._executor.submit(contextvars.copy_context().run, work)
        except BaseException:
            self._free.release()
            raise
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        try:
            return await asyncio.wrap_future(future)
        finally:
            self._release_after(future)

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

    def _release_after(self, future: "Future[Any]") -> None:
        """Free the thread's place: now if it ended, else (the server gave the request up) when it does."""
        if future.done():
            self._free.release()
            return
        loop = asyncio.get_running_loop()

        def release(_: "Future[Any]") -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._free.release)

        future.add_done_callback(release)

    async def aclose(self, seconds: float) -> None:
        """End the threads, and wait for what runs, `seconds` at most: no thread can be ended from outside."""
        self._executor.shutdown(wait=False)
        if running := [asyncio.wrap_future(future) for future in tuple(self._running)]:
            await asyncio.wait(running, timeout=seconds)
