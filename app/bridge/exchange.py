"""Runs one WSGI call in its thread: the answer as PEP 3333 has it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from starlette.types import Message, Receive, Send

from app.bridge.pool import ClientGone, HandOver, StepAside

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

#: Bytes. A finished answer of several pieces crosses to the loop as a whole up to this size, else piece by piece.
WHOLE_BYTES = 1024 * 1024

# PEP 3333 forbids these headers to an application: they belong to the connection (RFC 9110 §7.6.1).
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Whole:
    """A finished answer, for the loop to send in one go."""

    start: Message
    body: bytes


class Exchange:
    """Calls a WSGI app for one request.

    An answer is finished if the app gave its length (Werkzeug does, unless a view streams) or returned a list.
    It then goes back to the event loop as a `Whole`. Any other answer is sent from here, chunk by chunk, each
    once the client has taken the one before.

    Args:
        app: the WSGI app.
        environ: the request.
        loop: the event loop on which `receive` and `send` run.
        receive, send: the server's.
    """

    def __init__(
        self,
        app: WSGIApp,
        environ: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        receive: Receive,
        send: Send,
    ) -> None:
        self._app = app
        self._environ = environ
        # The app may put something else in their places, or nothing: the environ is its own (PEP 3333).
        self._body, self._method = environ["wsgi.input"], environ["REQUEST_METHOD"]
        self._loop = loop
        self._receive = receive
        self._send = send
        self._start: Message | None = None
        self._sent = False
        self._gone = False
        self._watch: asyncio.Task[None] | None = None
        self._step_aside: StepAside = _nothing

    # In the thread

    def run(self, hand_over: HandOver[Whole | None], step_aside: StepAside) -> None:
        """Call the app, and hand over its answer if it is finished, or None once it was streamed from here.

        What the app left to be done when the answer is complete is done after that, and keeps nobody waiting.

        Args:
            hand_over: takes the answer.
            step_aside: called on the loop once the answer is being streamed.
        """
        self._step_aside = step_aside
        try:
            iterable = self._app(self._environ, self._start_response)
            try:
                hand_over(self._answer(iterable))
            finally:
                if close := getattr(iterable, "close", None):
                    close()
        except StopIteration as error:
            # A future can't carry a StopIteration: the request would wait for ever.
            raise RuntimeError("the WSGI app raised StopIteration") from error
        finally:
            self._body.close()

    def _answer(self, iterable: Iterable[bytes]) -> Whole | None:
        chunks = iter(iterable)
        # The app may call `start_response` as late as with its first chunk that is not empty.
        first = next((chunk for chunk in chunks if chunk), b"")
        if self._start is None:
            raise AssertionError("the WSGI app did not call start_response")
        if self._sent:
            self._stream(first, chunks)
            return None
        if not self._may_have_body():
            return Whole(self._start, b"")
        length = self._length()
        if length is None and isinstance(iterable, list | tuple):
            length = sum(map(len, iterable))
            self._start["headers"].append((b"content-length", b"%d" % length))
        # If the first piece is the whole body, it is in memory already, and no thread has to wait for the client.
        if length is not None and (length <= WHOLE_BYTES or length == len(first)):
            return Whole(self._start, _gather(first, chunks, length))
        self._stream(first, chunks)
        return None

    def _may_have_body(self) -> bool:
        assert self._start is not None
        return self._method != "HEAD" and self._start["status"] not in _BODILESS

    def _length(self) -> int | None:
        assert self._start is not None
        lengths = [value for name, value in self._start["headers"] if name == b"content-length"]
        return int(lengths[0]) if lengths else None

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # PEP 3333: avoids a reference cycle through the traceback
        elif self._start is not None:
            raise AssertionError("start_response was called twice without exc_info")
        code = int(status[:3])
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        dropped = _HOP_BY_HOP | {b"content-length"} if code in _BODILESS else _HOP_BY_HOP
        kept = [header for header in encoded if header[0] not in dropped]
        self._start = {"type": "http.response.start", "status": code, "headers": kept}
        return self._write

    def _write(self, chunk: bytes) -> None:
        if chunk and self._may_have_body():
            self._cross({"type": "http.response.body", "body": chunk, "more_body": True})

    def _stream(self, first: bytes, chunks: Iterator[bytes]) -> None:
        self._write(first)
        for chunk in chunks:
            self._write(chunk)
        self._cross({"type": "http.response.body", "body": b""})

    def _cross(self, message: Message) -> None:
        """Send from the loop, and wait until the client has room for more."""
        asyncio.run_coroutine_threadsafe(self._send_one(message), self._loop).result()

    # On the loop

    async def _send_one(self, message: Message) -> None:
        if self._watch is None:
            self._watch = asyncio.ensure_future(self.gone())
            assert self._start is not None
            self._sent = True
            self._step_aside()
            await self._send(self._start)
        if self._gone:
            raise ClientGone
        await self._send(message)

    async def gone(self) -> None:
        """Return once the client is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True

    def give_up(self) -> None:
        """End a stream at its next chunk, and stop watching the client."""
        self._gone = True
        if self._watch is not None:
            self._watch.cancel()


def _nothing() -> None: ...


def _gather(first: bytes, chunks: Iterator[bytes], length: int) -> bytes:
    """Join the chunks of an answer that gave its length.

    Raises:
        RuntimeError: the length is wrong. A clean 500 is better than an answer that ends early or runs on.
    """
    body = [first]
    size = len(first)
    for chunk in chunks:
        body.append(chunk)
        size += len(chunk)
        if size > length:
            break
    if size != length:
        raise RuntimeError("the WSGI app's answer is not as long as its Content-Length says")
    return b"".join(body)
