"""Requests that ask for another protocol, and answers to clients of HTTP/1.0, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.kit.live import connect, read_all, serve, status, talk


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in two pieces, without a length, with the fields that the app sees and the body."""
    if scope["type"] == "lifespan":
        return
    message: Message = {"more_body": True}
    body = b""
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    names = b",".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Names", names)]})
    await send({"type": "http.response.body", "body": b"<" + body, "more_body": True})
    await send({"type": "http.response.body", "body": b">"})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(app) as address:
        yield address


#: The bytes of `curl --http2 -d a=b`, and of the JDK's HttpClient.
CURL = (
    b"POST /x HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    b"Content-Length: 3\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=b"
)
JDK = (
    b"POST /x HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 3\r\nHost: a\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.1\r\n\r\na=b"
)
HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
ASKED = {
    "curl": CURL,
    "the JDK": JDK,
    "chunks": HEAD + b"Upgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
    "WebSocket by POST": HEAD + b"Upgrade: websocket\r\nContent-Length: 3\r\n\r\na=b",
    "WebSocket in a list": HEAD + b"Upgrade: websocket, h2c\r\nContent-Length: 3\r\n\r\na=b",
    "TLS": HEAD + b"Upgrade: TLS/1.0, HTTP/2.0\r\nContent-Length: 3\r\n\r\na=b",
    "a GET with a body": (HEAD + b"Upgrade: websocket\r\nContent-Length: 3\r\n\r\na=b").replace(b"POST", b"GET"),
    "HTTP/1.0": (HEAD + b"Upgrade: websocket\r\nContent-Length: 3\r\n\r\na=b").replace(b"HTTP/1.1", b"HTTP/1.0"),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_the_body_behind_an_ignored_upgrade_is_read(url: str, name: str, pieces: int) -> None:
    """The request is answered as an ordinary one (RFC 9110 §7.8), however its bytes are divided."""
    data = ASKED[name]
    size = -(-len(data) // pieces)
    with connect(url) as connection:
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
            if pieces > 1:
                time.sleep(0.002)
        answer = read_all(connection)
    assert status(answer) == 200
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"a=b" in body
    assert b"connection: close" in head
    names = head.lower().partition(b"x-names: ")[2].partition(b"\r\n")[0].split(b",")
    assert b"host" in names
    assert b"upgrade" not in names


def test_a_large_body_behind_an_upgrade_arrives_whole(url: str) -> None:
    """The parser that takes over reads on for as long as the body lasts."""
    body = bytes(range(33, 126)) * 6000
    head = HEAD + b"Upgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert body in talk(url, head + body).replace(b"\r\n", b"")


def test_a_client_that_wants_to_be_asked_is_asked_once(url: str) -> None:
    """`Expect: 100-continue` beside an `Upgrade` is answered with one 100, and then the body is read."""
    with connect(url) as connection:
        connection.sendall(HEAD + b"Upgrade: h2c\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"a=b")
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"a=b" in answer


def test_a_request_before_an_upgrade_gets_its_own_answer(url: str) -> None:
    """A pipelined request is answered before the one that asks for an upgrade, and none after it is read."""
    first = b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
    answer = talk(url, first + CURL + first)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"first") < answer.index(b"a=b")
    assert answer.count(b"first") == 1


@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD"])
def test_http_1_0_gets_no_transfer_coding(url: str, method: bytes) -> None:
    """An answer of unknown length ends with the connection (RFC 9112 §6.1), and holds no chunks."""
    answer = talk(url, method + b" / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 200
    assert b"\r\ntransfer-encoding" not in head.lower()
    assert b"\r\ncontent-length" not in head.lower()
    assert b"connection: close" in head
    assert body == (b"" if method == b"HEAD" else b"<hi>")


def test_http_1_0_is_not_asked_to_go_on(url: str) -> None:
    """`Expect` of an HTTP/1.0 client is ignored (RFC 9110 §10.1.1)."""
    answer = talk(url, b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
    assert answer.startswith(b"HTTP/1.1 200")


async def sized(scope: Scope, receive: Receive, send: Send) -> None:
    """Says a length, and sends less than that."""
    if scope["type"] == "http":
        headers = [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")][
            : 2 if scope["path"] == "/both" else 1
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello" if scope["path"] != "/short" else b"hell"})


def test_http_1_0_keeps_a_length_that_is_known() -> None:
    """An answer with a length has it in HTTP/1.0 too, without a coding that the app set; one too short is cut."""
    with serve(sized) as url:
        for path in (b"/", b"/both"):
            head, _, body = talk(url, b"GET " + path + b" HTTP/1.0\r\nHost: a\r\n\r\n").partition(b"\r\n\r\n")
            assert b"content-length: 5" in head.lower()
            assert b"transfer-encoding" not in head.lower()
            assert body == b"hello"
        assert talk(url, b"GET /short HTTP/1.0\r\nHost: a\r\n\r\n").endswith(b"\r\n\r\nhell")
