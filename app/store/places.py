"""Decides whose call to a database begins next: so many at a time, and everybody in turn."""

from __future__ import annotations

import asyncio
from typing import Self

from app.auth.limits import Turns, asking


class Places:
    """As many places as calls may be under way at once. Who asks too often waits behind those who ask less.

    Args:
        count: how many places there are.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._turns: Turns[asyncio.Future[None]] = Turns()

    async def take(self) -> None:
        """Takes a place, on behalf of the `Asker` of this context, as soon as it is their turn."""
        if self._free:
            self._free -= 1
            return
        asker, turn = asking(), asyncio.get_running_loop().create_future()
        self._turns.add(asker, turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():
                self._turns.remove(asker, turn)
            else:  # the place was handed over at the moment when the caller gave up
                self.free()
            raise

    def free(self) -> None:
        """Hands a place on to whoever is next."""
        while self._turns:
            turn = self._turns.take()
            if not turn.done():  # if it is done, its caller was cancelled just now
                turn.set_result(None)
                return
        self._free += 1

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.free()
