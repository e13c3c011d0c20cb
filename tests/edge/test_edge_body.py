"""The edge's cap and deadline for bodies, in front of apps that would answer otherwise."""

import asyncio
import contextlib
import select
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.edge import Edge
from tests.kit.live import connect, read_all, serve, status, talk


def refuse(scope: Scope, code: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    return [(b"content-type", b"text/plain")], f"{code} {detail}".encode()


def make_api() -> FastAPI:
    """An API that reads bodies in several ways."""
    api = FastAPI()

    @api.post("/json")
    async def parsed(document: dict[str, Any]) -> dict[str, Any]:
        return document

    @api.post("/stubborn")
    async def stubborn(request: Request) -> str:
        with contextlib.suppress(Exception):
            await request.body()
        with contextlib.suppress(Exception):
            await request.body()
        return "never mind"

    @api.post("/count")
    async def count(request: Request) -> int:
        return len(await request.body())

    @api.post("/pause")
    async def pause(request: Request) -> int:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size == len(piece):
                await asyncio.sleep(0.6)
        return size

    @api.get("/stream")
    async def stream(request: Request) -> StreamingResponse:
        async def ticks() -> Any:
            for number in range(6):
                yield b"%d" % number
                await asyncio.sleep(0.15)

        return StreamingResponse(ticks())

    return api


def edge() -> Edge:
    return Edge(make_api(), max_body_bytes=lambda _: 1000, refuse=refuse, body_seconds=0.4, body_min_rate=1000)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(edge()) as address:
        yield address


POST = b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def test_a_body_up_to_the_cap_is_taken(url: str) -> None:
    """A body of exactly the cap is taken."""
    document = b'{"a": "' + b"x" * 991 + b'"}'
    assert len(document) == 1000
    assert (
        httpx.post(url + "/json", content=document, headers={"Content-Type": "application/json"}).status_code
        == 200
    )


def test_an_announced_body_above_the_cap_is_refused_at_once(url: str) -> None:
    """Nothing of the body is read, the app is not called, and the connection is not used again."""
    answer = talk(url, POST % b"json" + b"Content-Length: 50000000\r\n\r\n")
    assert status(answer) == 413
    assert b"connection: close" in answer


def test_a_client_is_not_asked_to_send_what_is_too_large(url: str) -> None:
    """A client that sends `Expect: 100-continue` gets the 413 instead."""
    answer = talk(url, POST % b"json" + b"Expect: 100-continue\r\nContent-Length: 50000000\r\n\r\n")
    assert status(answer) == 413


@pytest.mark.parametrize("path", [b"json", b"stubborn"])
def test_a_chunked_body_above_the_cap_is_refused(url: str, path: bytes) -> None:
    """The client gets a 413, whatever the app makes of the failed body."""
    chunks = b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"1\r\nx\r\n"
    answer = talk(url, POST % path + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert status(answer) == 413
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("path", [b"json", b"stubborn"])
def test_a_body_that_stalls_is_given_up(url: str, path: bytes) -> None:
    """A half-sent body is a 408 after the deadline."""
    answer = talk(url, POST % path + b"Content-Length: 100\r\n\r\n{")
    assert status(answer) == 408
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_that_never_begins_is_given_up(url: str) -> None:
    """A body that was announced and never begins is given up."""
    answer = talk(url, POST % b"json" + b"Content-Length: 100\r\n\r\n")
    assert status(answer) == 408


async def test_http_2_announces_no_body() -> None:
    """In HTTP/2 a body may follow any head, and one that never begins is given up as well."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(10)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    edge = Edge(make_api(), max_body_bytes=lambda _: 1000, refuse=refuse, body_seconds=0.1)
    scope = {
        "type": "http", "http_version": "2", "method": "POST", "scheme": "https", "path": "/count",
        "raw_path": b"/count", "query_string": b"", "headers": [(b"host", b"a")], "client": None, "server": None,
        "root_path": "",
    }  # fmt: skip
    await edge(scope, receive, send)
    assert sent[0]["status"] == 408


def test_a_body_that_trickles_is_given_up(url: str) -> None:
    """A byte now and then does not put the deadline off by more than it earns."""
    with connect(url) as connection:
        connection.sendall(POST % b"json" + b"Content-Length: 500\r\n\r\n")
        answered: list[Any] = []
        for _ in range(40):
            if answered := select.select([connection], [], [], 0.1)[0]:
                break
            connection.sendall(b"x")
        assert answered, "the answer came only once the client had stopped"
        assert status(read_all(connection)) == 408


def test_a_long_body_at_a_fair_rate_is_taken(url: str) -> None:
    """Bytes that arrive earn time: a large upload on a slow line is not a stall."""
    with connect(url) as connection:
        connection.sendall(POST % b"count" + b"Connection: close\r\nContent-Length: 900\r\n\r\n")
        for _ in range(9):
            connection.sendall(b"x" * 100)
            time.sleep(0.08)
        assert status(read_all(connection)) == 200


def test_the_time_that_the_app_takes_does_not_count(url: str) -> None:
    """Only the wait for the client counts, and not the time that the app takes."""
    with connect(url) as connection:
        connection.sendall(POST % b"pause" + b"Connection: close\r\nContent-Length: 2\r\n\r\nx")
        time.sleep(0.3)
        connection.sendall(b"x")
        assert status(read_all(connection)) == 200


def test_an_answer_may_stream_longer_than_the_deadline(url: str) -> None:
    """After a complete body, the wait for the client to go away has no deadline."""
    assert httpx.get(url + "/stream").text == "012345"


@pytest.mark.parametrize("end", [b"", b"+1\r\n"], ids=["hangs up", "breaks its body"])
def test_a_client_that_goes_away_is_no_failure(end: bytes) -> None:
    """A client that goes away writes no traceback into the log, where those of real failures stand."""
    # This test has its own server, because another test's last line may be written late.
    with serve(edge()) as url, capture_logs() as logs:
        with connect(url) as connection:
            connection.sendall(POST % b"count" + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + end)
            if end:
                assert status(read_all(connection)) == 400
        ends = time.monotonic() + 60
        while not logs and time.monotonic() < ends:
            time.sleep(0.01)
    assert [entry["event"] for entry in logs] == ["request"]


@pytest.mark.parametrize("lengths", [[b"1", b"1"], [b"x"], [b"-1"], [b""], [b"9" * 30]])
async def test_a_malformed_length_is_refused(lengths: list[bytes]) -> None:
    """A malformed length does not pass the edge, even if the server lets it through (RFC 9112 §6.3)."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the body is not read")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the app is not called")

    headers = [(b"host", b"a"), *((b"content-length", length) for length in lengths)]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "client": None,
        "headers": headers,
    }
    await Edge(app, max_body_bytes=lambda _: 1000, refuse=refuse)(scope, receive, send)
    assert sent[0]["status"] == 400
