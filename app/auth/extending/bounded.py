"""Runs a team's coroutine so that it can neither hold a caller up nor cancel it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Bounds:
    """Runs coroutines, each for a limited time.

    Args:
        seconds: how long one may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # Tasks that were given up on and have not ended yet: the loop itself keeps none of them alive.
        self._given_up: set[asyncio.Future[Any]] = set()

    async def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """What `function(*args)` returns.

        It runs in a task of its own: so one that swallows its cancellation is left behind when its time is over,
        and one that is cancelled from within does not look like its caller's cancellation, which passes.

        Raises:
            TimeoutError: it took longer than it may; it is cancelled.
            Exception: whatever it raised; a `RuntimeError` if it was cancelled from within.
        """
        task = asyncio.ensure_future(function(*args))
        try:
            await asyncio.wait([task], timeout=self._seconds)
        finally:
            if not task.done():
                self._give_up(task)
        if not task.done():
            raise TimeoutError(f"not done after {self._seconds:g} s")
        if task.cancelled():
            raise RuntimeError("cancelled from within")
        return task.result()

    def _give_up(self, task: asyncio.Future[Any]) -> None:
        self._given_up.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, or asyncio complains that nobody did


def is_async(function: Any) -> bool:
    """Whether calling `function` gives something to await: an `async def`, one behind `partial`, a decorator with
    `functools.wraps`, or an object whose `__call__` is one."""
    inner = inspect.unwrap(function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)


def place_of(error: BaseException) -> str:
    """Where `error` was raised, as 'module.py:12 in function'; empty if nowhere."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return place
