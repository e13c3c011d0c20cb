"""What a request's answer is written to: the server's transport, which is closed politely."""

import asyncio
from collections.abc import Callable
from typing import Any


class PoliteTransport:
    """The transport of a request's cycle: it counts what is written, and closes politely.

    An answer's head waits for the first piece of its body, which nearly always follows at once: uvloop sends each
    write by itself, and a packet costs as much as a log line. The head does not wait beyond this turn of the loop.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, hang_up: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self.close = hang_up
        self.is_closing = transport.is_closing
        self.written = 0
        self._held = b""
        self._is_head = False

    def begin_answer(self) -> None:
        """Declares that the next write is the head of an answer."""
        self._is_head = True

    def write(self, data: bytes) -> None:
        self.written += len(data)
        if self._is_head:
            self._is_head = False
            self._held = data
            self._loop.call_soon(self.flush)
            return
        held, self._held = self._held, b""
        self._transport.write(held + data if held else data)

    def flush(self) -> None:
        """Writes the head that still waits, unless the connection is closing."""
        held, self._held = self._held, b""
        if held and not self.is_closing():
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
