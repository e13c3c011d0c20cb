"""HTTP/1.1 for httpx on plain sockets: what the tests' clients need, at a third of what httpcore takes."""

from __future__ import annotations

import contextlib
import select
import socket
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import httptools
import httpx


class Wire(httpx.BaseTransport):
    """Sends requests over http, each on a connection of its own or one that is idle, and reads whole answers."""

    def __init__(self) -> None:
        self._idle: defaultdict[tuple[str, int], list[socket.socket]] = defaultdict(list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and read the answer."""
        assert request.url.scheme == "http", request.url
        waits: dict[str, float | None] = request.extensions.get("timeout", {})
        answer = Answer(is_head=request.method == "HEAD")
        with _named_as_httpx_does(request):
            address = request.url.host, request.url.port or 80
            self.exchange(address, b"".join(_written(request)), answer, seconds=waits.get("read"))
        return answer.response()

    def exchange(self, address: tuple[str, int], data: bytes, answer: Answer, *, seconds: float | None) -> None:
        """Send the bytes of a request, and read the answer; each wait ends after `seconds`."""
        connection = self._take(address) or socket.create_connection(address, seconds)
        try:
            connection.settimeout(seconds)
            with contextlib.suppress(ConnectionError):  # who refuses a request early answers and hangs up
                connection.sendall(data)
            while not answer.is_whole:
                answer.read(connection.recv(65536))
        except BaseException:
            connection.close()
            raise
        if answer.can_go_on:
            self._idle[address].append(connection)
        else:
            connection.close()

    def _take(self, address: tuple[str, int]) -> socket.socket | None:
        """An idle connection that the server has not closed."""
        with contextlib.suppress(IndexError):  # another thread may have taken the last one
            while True:
                connection = self._idle[address].pop()
                if not select.select([connection], [], [], 0)[0]:
                    return connection
                connection.close()
        return None

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()


def request(method: str, url: str, **given: Any) -> httpx.Response:
    """What `httpx.request` does, for http alone."""
    options = {"timeout": 60, **{name: given.pop(name) for name in ("cookies", "timeout") if name in given}}
    with httpx.Client(transport=Wire(), **options) as client:
        return client.request(method, url, **given)


get: Final = partial(request, "GET")
post: Final = partial(request, "POST")


class Answer:
    """An answer while it is read. Its `on_…` methods are called by httptools."""

    def __init__(self, *, is_head: bool) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._is_head = is_head
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self._reason = b""
        self._has_begun = False
        self.is_whole = False
        self.can_go_on = False

    def read(self, data: bytes) -> None:
        """Read on; the end of the connection is empty data, and the end of a body without a length."""
        if data:
            self._has_begun = True
            self._parser.feed_data(data)
        elif not self._has_begun:
            raise ConnectionResetError("the server hung up without an answer")
        elif self._is_counted():
            raise httpx.RemoteProtocolError("the server hung up within an answer")
        else:
            self.is_whole = True

    def _is_counted(self) -> bool:
        names = {name.lower() for name, _ in self.headers}
        return not self.headers or not names.isdisjoint({b"content-length", b"transfer-encoding"})

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_head:  # there is no body, whatever the length
            self._end()

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self._end()
        else:  # an informational answer comes before the final one (RFC 9110 section 15.2)
            self.headers.clear()
            self._reason = b""

    def _end(self) -> None:
        self.is_whole = True
        self.can_go_on = bool(self._parser.should_keep_alive())

    @property
    def status(self) -> int:
        """The status, once it was read."""
        status: int = self._parser.get_status_code()
        return status

    def response(self) -> httpx.Response:
        """The answer as httpx knows it."""
        version = f"HTTP/{self._parser.get_http_version()}".encode()
        return httpx.Response(
            self.status,
            headers=self.headers,
            stream=httpx.ByteStream(b"".join(self.body)),
            extensions={"http_version": version, "reason_phrase": self._reason},
        )


def _written(request: httpx.Request) -> Iterator[bytes]:
    """The bytes of a request."""
    yield b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
    for name, value in request.headers.raw:
        yield b"%b: %b\r\n" % (name, value)
    yield b"\r\n"
    assert isinstance(request.stream, httpx.SyncByteStream)
    if "Transfer-Encoding" not in request.headers:
        yield from request.stream
        return
    yield from (b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in request.stream if chunk)
    yield b"0\r\n\r\n"


@contextlib.contextmanager
def _named_as_httpx_does(request: httpx.Request) -> Iterator[None]:
    """Turns the errors of sockets and of httptools into those of httpx."""
    try:
        yield
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except ConnectionRefusedError as error:
        raise httpx.ConnectError(str(error), request=request) from error
    except ConnectionError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
    except httptools.HttpParserError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
