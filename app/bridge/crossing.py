"""Lets threads of the pages run coroutines on the event loop, which the stores belong to."""

import inspect
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from anyio.from_thread import BlockingPortal

T = TypeVar("T")


class Crossing:
    """Lets a Flask view wait for a coroutine that runs on the event loop.

    The composition root makes one, opens it in the root app's lifespan, and passes its `wait` to the pages::

        async with crossing.open():
            ...
        user = crossing.wait(accounts.get(user_id))    # in a view
    """

    def __init__(self) -> None:
        self._portal: BlockingPortal | None = None
        self._loop_thread = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Open the way for the `async with` block. On leaving the block, waits under way are cancelled."""
        if self._portal is not None:
            raise RuntimeError("the crossing is open already")
        async with BlockingPortal() as portal:
            self._portal, self._loop_thread = portal, threading.get_ident()
            try:
                yield self
            finally:
                self._portal = None
                # A view that waits for a store that no longer answers must not keep the process alive.
                await portal.stop(cancel_remaining=True)

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Run `awaitable` on the event loop, and block this thread until it is done.

        The caller's context variables are visible inside. There is no timeout: a limit belongs inside the
        coroutine, where it can be cancelled.

        Returns:
            What the awaitable returns.

        Raises:
            RuntimeError: it was called on the event loop's own thread, which would wait for itself for ever, or
                while the crossing was not open.
            Exception: whatever the awaitable raises, with its type.
        """

        async def run() -> T:
            return await awaitable

        try:
            portal = self._portal
            if portal is None:
                raise RuntimeError("the crossing is not open: the application has not started, or is closing")
            if threading.get_ident() == self._loop_thread:
                raise RuntimeError("wait() was called on the event loop; await the coroutine there instead")
            return portal.call(run)
        finally:
            # This does nothing to a coroutine that ran, and keeps one that never ran from warning about it.
            if inspect.iscoroutine(awaitable):
                awaitable.close()
