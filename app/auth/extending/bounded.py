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
        # Tasks that were given up on and have not ended yet. The loop itself does not keep them alive.
        self._given_up: set[asyncio.Future[Any]] = set()

    async def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Returns what `function(*args)` returns.

        The coroutine runs in its own task. So one that swallows its cancellation is left behind when its time is
        over, and one that is cancelled from within does not look like a cancellation of its caller, which passes.

        Raises:
            TimeoutError: it took longer than it may, and was cancelled.
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
            task.exception()  # without this, asyncio complains that nobody looked at it


def is_async(function: Any) -> bool:
    """Returns whether calling `function` gives something to await.

    That holds for an `async def`, alone or behind `partial` or a decorator with `functools.wraps`, and for an
    object whose `__call__` is one.
    """
    inner = inspect.unwrap(function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)


def place_of(error: BaseException) -> str:
    """Returns where `error` was raised, as in 'module.py:12 in function'; empty if nowhere."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return place
