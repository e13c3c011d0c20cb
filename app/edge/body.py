"""The cap and the deadline of a request's body, kept in the `receive` that both halves read from."""

import asyncio

from starlette.types import Message, Receive

from app.edge.wellformed import Malformed

TOO_LARGE = "The request's body is too large."
TOO_SLOW = "The request's body did not arrive in time."


class GuardedBody:
    """Hands a body on piece by piece, and stops at one that is too large or too slow.

    The app inside may turn the exception that its `receive` raises into an answer of its own (FastAPI: a
    400 about a body it could not parse), so the fault is remembered for the edge to answer.

    Args:
        receive: the server's.
        is_expected: whether the head announced a body. Where it did not, there is nothing to wait for.
        max_bytes: what a body may weigh.
        seconds: what a body may take, on top of the time that `min_rate` grants.
        min_rate: bytes per second. A long body gets one more second for each of these that arrived.
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
        """Await the next message, as ASGI's `receive`.

        Raises:
            Malformed: the body is too large (413) or too slow (408), now or at an earlier call.
        """
        if self.fault is not None:
            raise self.fault
        # Behind a complete body nothing comes but `http.disconnect`, which a streaming answer waits for
        # as long as it likes.
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
