"""The protocol against raw bytes, over real sockets."""

import asyncio
import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, cast

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.serving.protocol import DuetProtocol
from tests.kit.live import connect, read_all, serve, status, talk


class Hasty(DuetProtocol):
    header_seconds = 0.4
    max_header_bytes = 8192
    stall_seconds = 0.4
    linger_seconds = 0.4


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the app sees of the request; `/early` answers before the body, `/big` at length."""
    if scope["type"] == "lifespan":
        return
    body = b""
    more = scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    seen = {"path": scope["path"], "headers": [[n.decode(), v.decode()] for n, v in scope["headers"]]}
    answer = json.dumps({**seen, "body": body.decode("latin-1")}).encode()
    if scope["path"] == "/big":
        answer = b"x" * 32_000_000
    length = (b"content-length", b"%d" % len(answer))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(echo, protocol=Hasty, timeout_keep_alive=1) as address:
        yield address


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
CLOSE = b"Connection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"


def test_a_plain_request_is_answered(url: str) -> None:
    """An ordinary request passes."""
    assert status(talk(url, HEAD + CLOSE)) == 200


def test_a_half_sent_head_is_given_up(url: str) -> None:
    """A head that does not end is a 408, and the connection closes."""
    assert status(talk(url, HEAD)) == 408


def trickle(connection: socket.socket, data: bytes) -> None:
    """Sends `data` ten times a second until there is an answer; fails if there is none within four seconds."""
    for _ in range(40):
        if select.select([connection], [], [], 0.1)[0]:
            return
        with contextlib.suppress(OSError):
            connection.sendall(data)
    pytest.fail("nothing came while the client went on")


def test_a_head_that_trickles_is_given_up(url: str) -> None:
    """A byte now and then does not put off the deadline of a head, which runs from the first byte."""
    with connect(url) as connection:
        connection.sendall(HEAD)
        trickle(connection, b"x")
        assert status(read_all(connection)) == 408


def test_empty_lines_do_not_hold_a_connection(url: str) -> None:
    """Empty lines count as the start of a head."""
    with connect(url) as connection:
        trickle(connection, b"\r\n")
        assert status(read_all(connection)) == 408


def test_a_silent_connection_is_closed(url: str) -> None:
    """A connection on which nothing is ever sent closes without an answer."""
    assert talk(url, b"") == b""


def test_the_deadline_holds_on_a_kept_connection(url: str) -> None:
    """The second head of a connection has a deadline as well."""
    with connect(url) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(HEAD)
        assert status(read_all(connection)) == 408


def test_an_idle_connection_may_stay_longer_than_a_head(url: str) -> None:
    """Between two requests uvicorn's keep-alive applies, and not the deadline of a head."""
    with connect(url) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(0.6)
        connection.sendall(HEAD + CLOSE)
        assert status(read_all(connection)) == 200


def test_a_head_too_large_is_refused_before_it_is_complete(url: str) -> None:
    """A head that grows beyond the cap is a 431, complete or not."""
    assert status(talk(url, HEAD + b"X-A: " + b"a" * 9000)) == 431


@pytest.mark.parametrize(
    "framing",
    [b"1;" + b"x" * 9000, b"0\r\nX-Trailer: " + b"x" * 9000],
    ids=["chunk extension", "trailer"],
)
def test_the_framing_of_a_body_is_capped(url: str, framing: bytes) -> None:
    """Chunk extensions and trailers, which no layer above sees, can't grow without end."""
    assert status(talk(url, POST + b"Transfer-Encoding: chunked\r\n\r\n" + framing)) == 400


def test_a_body_byte_by_byte_is_taken(url: str) -> None:
    """A clumsy client that sends a chunk for each byte is served."""
    answer = talk(url, POST + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n")
    assert status(answer) == 200
    assert b"x" * 5000 in answer


ODDITIES = {
    "length and coding": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\nx",
    "a signed length": POST + b"Content-Length: +1\r\n\r\nx",
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": HEAD + b"X-A: b\r\n c\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a NUL": HEAD + b"X-A: a\x00b\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 without negotiation": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target of another host": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target of another scheme and host": b"GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "version 0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "version 1.10": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "a protocol in lower case": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "RTSP": b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n",
    "RTSP 1.1": b"GET / RTSP/1.1\r\nHost: a\r\n\r\n",
    "RTSP with a body": b"POST / RTSP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    "ICE": b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n",
    "an asterisk for no server": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk with a query": b"OPTIONS *?x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path that is no asterisk": b"OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel to a path": b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an upgrade with length and coding": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an upgrade with two lengths": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "an upgrade with another coding": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("request_bytes", ODDITIES.values(), ids=ODDITIES.keys())
def test_what_two_readers_could_read_differently_is_refused(url: str, request_bytes: bytes) -> None:
    """Framing that allows request smuggling is a 400 and the end of the connection."""
    answer = talk(url, request_bytes)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1") == 1


def test_another_protocol_is_refused_behind_a_request_and_in_pieces(url: str) -> None:
    """No order and no division of the bytes makes RTSP look like HTTP."""
    rtsp = b"OPTIONS /x RTSP/1.0\r\nHost: a\r\n\r\n"
    assert talk(url, HEAD + b"\r\n" + rtsp).count(b"HTTP/1.1") == 1
    with connect(url) as connection:
        for piece in (rtsp[:12], rtsp[12:15], rtsp[15:]):
            connection.sendall(piece)
            time.sleep(0.05)
        assert status(read_all(connection)) == 400


def test_a_request_in_pieces_is_http_all_the_same(url: str) -> None:
    """The name of the protocol may come in another packet than the target, and behind another request."""
    with connect(url) as connection:
        for piece in (POST + b"Content-Length: 2\r\n\r\nhiGET /x", b" HT", b"TP/1.1\r\nHo", b"st: a\r\n" + CLOSE):
            connection.sendall(piece)
            time.sleep(0.05)
        assert read_all(connection).count(b"HTTP/1.1 200") == 2


def test_the_answer_below_asgi_is_dressed_and_says_no_more(url: str) -> None:
    """A malformed request gets the security headers and only two words."""
    head, _, body = talk(url, b"rubbish\r\n\r\n").partition(b"\r\n\r\n")
    assert body == b"Bad request"
    for name in (b"x-content-type-options", b"content-security-policy", b"referrer-policy", b"permissions-policy"):
        assert b"\r\n" + name + b": " in head
    assert b"connection: close" in head


def test_an_absolute_target_of_this_host_is_taken(url: str) -> None:
    """The absolute form of a target is legal (RFC 9112 §3.2.2)."""
    assert b'"/x"' in talk(url, b"GET http://A/x HTTP/1.1\r\nHost: a\r\n" + CLOSE)
    for target in (b"http://a", b"http://a?x=1", b"http://a/"):  # an empty path is '/' (RFC 9110 §4.2.3)
        assert b'"path": "/"' in talk(url, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + CLOSE)


def test_options_of_the_server_itself_name_no_path(url: str) -> None:
    """`OPTIONS *`, also in absolute form, is about the whole server, and its path is '*'."""
    for target in (b"*", b"http://a"):
        answer = talk(url, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\n" + CLOSE)
        assert status(answer) == 200
        assert b'"path": "*"' in answer


def test_trailers_do_not_become_headers(url: str) -> None:
    """A field behind a chunked body is not among the headers that the app sees."""
    trailer = b"0\r\nHost: evil\r\nAuthorization: Bearer x\r\n\r\n"
    answer = talk(url, POST + b"Transfer-Encoding: chunked\r\n" + CLOSE + trailer)
    assert status(answer) == 200
    assert b"evil" not in answer
    assert b"Bearer" not in answer


def test_rubbish_behind_a_request_does_not_spoil_its_answer(url: str) -> None:
    """A malformed second request ends the connection after the answer to the first."""
    answer = talk(url, HEAD + b"\r\nrubbish\r\n\r\n")
    assert status(answer) == 200
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


def test_pipelined_requests_are_answered_in_order(url: str) -> None:
    """Requests sent in one go are each answered."""
    answer = talk(url, HEAD + b"\r\n" + POST + b"Content-Length: 2\r\n\r\nhi" + HEAD + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 3


def test_a_reader_that_stalls_is_cut(url: str) -> None:
    """A client that takes nothing of a long answer loses its connection."""
    with connect(url, receive_buffer=4096) as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(1.2)
        assert len(read_all(connection)) < 32_000_000


def test_a_reader_that_is_slow_is_served(url: str) -> None:
    """A client that takes a little at a time gets the whole answer, even if that takes longer than a stall may."""
    with connect(url) as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n" + CLOSE)
        received = 0
        started = time.monotonic()
        while piece := connection.recv(1_500_000):
            received += len(piece)
            if time.monotonic() - started < 1.2:
                time.sleep(0.05)
        assert received > 32_000_000


def test_a_body_that_nobody_waits_for_does_not_hold_the_connection(url: str) -> None:
    """When the answer came before the body, the client has as long to finish the body as it has for a head."""
    with connect(url) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        started = time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(15):
                connection.sendall(b"x")
                time.sleep(0.1)
        assert status(read_all(connection)) == 200
        assert time.monotonic() - started < 30


def test_a_connection_may_be_used_again_after_an_early_answer(url: str) -> None:
    """The rest of a body that the answer did not wait for is read, and the next request is answered."""
    with connect(url) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"abcd")
        connection.sendall(HEAD + CLOSE)
        assert status(read_all(connection)) == 200


def test_a_connection_is_idle_again_after_an_early_answer(url: str) -> None:
    """The late rest of a body stops uvicorn's keep-alive timer, but the connection ends all the same."""
    with connect(url) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"abcd")
        assert read_all(connection) == b""


def test_a_refused_client_can_read_why(url: str) -> None:
    """The connection is not reset under a client that is still sending: it can read the answer."""
    with connect(url) as connection:
        connection.sendall(
            b"POST /early HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9000000\r\n\r\n"
        )
        sent = 0
        with contextlib.suppress(TimeoutError):
            for _ in range(20):
                sent += connection.send(b"x" * 50_000)
                time.sleep(0.005)
        answer = connection.recv(65536)
    assert sent > 500_000
    assert status(answer) == 200


def test_an_upgrade_to_the_unknown_is_ignored(url: str) -> None:
    """`Upgrade: h2c` is answered in HTTP/1.1; what follows on the connection is not parsed."""
    answer = talk(url, HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + HEAD + b"\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answer


WEBSOCKET = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def test_a_websocket_without_a_library_is_an_ordinary_request() -> None:
    """Where no WebSocket library is installed, the handshake is answered as the GET that it is."""
    with serve(echo, protocol=Hasty, ws="none") as url:
        assert status(talk(url, WEBSOCKET)) == 200


def test_a_websocket_is_handed_to_its_protocol() -> None:
    """An upgrade to WebSocket reaches uvicorn's WebSocket protocol and ends the deadline of the head."""
    seen: list[bytes] = []

    class Handshake(asyncio.Protocol):
        def __init__(self, **kwargs: Any) -> None: ...

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            seen.append(data)
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" if len(seen) == 1 else b"pong")
            if len(seen) == 2:
                self.transport.close()

    with serve(echo, protocol=Hasty, ws=Handshake, timeout_keep_alive=0.2) as url, connect(url) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(WEBSOCKET)
        assert b"101" in connection.recv(1000)
        time.sleep(0.6)
        connection.sendall(b"ping")
        assert read_all(connection) == b"pong"
    assert b"upgrade: websocket" in seen[0].lower()


def test_a_broken_body_tells_the_app_that_the_client_is_gone() -> None:
    """Rubbish in a chunked body is a 400 at once, and the app is not left waiting."""
    told = threading.Event()
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            while not messages or messages[-1]["type"] != "http.disconnect":
                messages.append(await receive())
            told.set()

    with serve(app, protocol=Hasty) as url:
        assert status(talk(url, POST + b"Transfer-Encoding: chunked\r\n\r\nrubbish\r\n")) == 400
        assert told.wait(5)


class _Packets(DuetProtocol):
    """Notes each piece that is handed to the socket."""

    pieces: ClassVar[list[bytes]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        write = transport.write

        def noted(data: bytes) -> None:
            self.pieces.append(bytes(data))
            write(data)

        self._polite._transport = _Written(transport, noted)  # type: ignore[assignment]


class _Written:
    """A transport with another `write`."""

    def __init__(self, transport: asyncio.Transport, write: Callable[[bytes], None]) -> None:
        self._transport = transport
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_and_body_go_together(method: str) -> None:
    """Head and body go in one packet when the body is there, and the head goes alone when there is none."""
    _Packets.pieces.clear()
    with serve(echo, protocol=_Packets) as address:
        answer = talk(address, f"{method} / HTTP/1.1\r\nHost: a\r\n".encode() + CLOSE)
    assert status(answer) == 200
    assert _Packets.pieces == [answer]


def test_a_head_waits_for_no_body_that_comes_later() -> None:
    """A streamed answer is heard at once: the client reads the head, and only then lets the app go on."""
    go_on = threading.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            heard = await asyncio.to_thread(go_on.wait, 5)
            await send({"type": "http.response.body", "body": b"late" if heard else b"lost"})

    with serve(stream) as address, connect(address) as connection:
        connection.sendall(HEAD + b"\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            assert piece
            head += piece
        go_on.set()
        assert connection.recv(4) == b"late"


def test_the_protocol_is_still_uvicorns() -> None:
    """The attributes of uvicorn's protocol that the subclass builds on exist."""
    for name in (
        "send_400_response",
        "_start_asgi_task",
        "_unsupported_upgrade_warning",
        "handle_websocket_upgrade",
    ):
        assert callable(getattr(HttpToolsProtocol, name))


@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"], ids=["new", "kept alive"])
def test_a_request_that_is_on_its_way_when_the_server_ends_is_answered(before: bytes) -> None:
    """A request on a connection that was idle when the server ends gets its answer, and then the connection
    ends."""
    with contextlib.ExitStack() as stack:
        with serve(echo) as url:
            connection = stack.enter_context(connect(url))
            connection.sendall(before)
            while before and b"\r\n\r\n" not in connection.recv(65536):
                pass
            late = threading.Timer(0.2, connection.sendall, [HEAD + b"\r\n"])
            late.start()
        answer = read_all(connection)
    assert status(answer) == 200
    assert b"connection: close" in answer
