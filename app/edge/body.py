"""Enforces a request body's size limit and deadline, in the `receive` that both halves read from."""

import asyncio

from starlette.types import Message, Receive

from app.edge.wellformed import Malformed

TOO_LARGE = "The request's body is too large."
TOO_SLOW = "The request's body did not arrive in time."


class GuardedBody:
    """Hands a body on piece by piece, and stops if it is too large or too slow.

    The app inside may turn the exception that its `receive` raises into an answer of its own (FastAPI answers
    400, since it could not parse the body). So the fault is remembered, and the edge answers it.

    Args:
        receive: the server's.
        is_expected: whether the head announced a body. If it did not, there is nothing to wait for.
        max_bytes: how large a body may be.
        seconds: how long a body may take, on top of the time that `min_rate` grants.
        min_rate: bytes per second. A body gets one more second for each `min_rate` bytes that have arrived.
    """

    def __init__(
        self, receive: Receive, *, is_expected: bool, max_bytes: int, seconds: float, min_rate: int
    ) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._min_rate = min_rate
        self._received = 0
        self._waited = 0.0
        self._complete = not is_expected
        self.fault: Malformed | None = None
        self.disconnected = False

    async def receive(self) -> Message:
        """Wait for the next message, as ASGI's `receive` does.

        Raises:
            Malformed: the body is too large (413) or too slow (408), or was so at an earlier call.
        """
        if self.fault is not None:
            raise self.fault
        # Only `http.disconnect` follows a complete body, and a streaming answer may wait for it as long as it
        # likes.
        message = await (self._receive() if self._complete else self._next_piece())
        if message["type"] != "http.request":
            self._complete = self.disconnected = True
            return message
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._received > self._max_bytes:
            self.fault = Malformed(413, TOO_LARGE)
            raise self.fault
        return message

    async def _next_piece(self) -> Message:
        # Only the time spent waiting for the client counts, not what the app does between two pieces.
        granted = self._seconds + self._received / self._min_rate
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(granted - self._waited):
                return await self._receive()
        except TimeoutError:
            self.fault = Malformed(408, TOO_SLOW)
            raise self.fault from None
        finally:
            self._waited += asyncio.get_running_loop().time() - started
