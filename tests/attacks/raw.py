"""Sends a server bytes that no client library would send, and takes its answers apart."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kit.live import connect, talk


@dataclass(frozen=True)
class Answer:
    """One answer. The names of its headers are in lower case; a repeated header appears as several pairs."""

    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header that came once at most; an empty text if it did not come."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else ""

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON, as the calling program reads it."""
        return json.loads(self.body)


def answers(received: bytes, *, methods: Sequence[str] = ()) -> list[Answer]:
    """Takes apart everything that came on a connection. Anything that is not a complete answer fails the test.

    Args:
        received: what came until the server closed it.
        methods: the requests' methods, needed where one is HEAD, whose answer has no body.
    """
    found: list[Answer] = []
    while received:
        head, divider, rest = received.partition(b"\r\n\r\n")
        assert divider, f"half an answer: {received[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        # A request that could not be parsed had no method yet: its answer has a body, and is the last.
        is_parsed = dict(headers).get("content-type") != "text/plain; charset=utf-8"
        if (method == "HEAD" and is_parsed) or status in ("100", "204", "304"):
            body, received = b"", rest
        elif dict(headers).get("transfer-encoding") == "chunked":
            body, received = _chunked(rest)
        else:
            size = int(dict(headers)["content-length"])
            body, received = rest[:size], rest[size:]
            assert len(body) == size, f"an answer that broke off: {first}"
        if status != "100":
            found.append(Answer(int(status), headers, body))
    return found


def _chunked(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        body, data = body + data[:size], data[size + 2 :]
        if size == 0:
            return body, data


def ask(url: str, data: bytes, *, methods: Sequence[str] = ()) -> list[Answer]:
    """Sends bytes on a new connection, and returns the answers until the server closes it."""
    return answers(talk(url, data), methods=methods)


def one(url: str, data: bytes, *, methods: Sequence[str] = ()) -> Answer:
    """Does the same where there must be exactly one answer."""
    found = ask(url, data, methods=methods)
    assert len(found) == 1, found
    return found[0]


def request(
    target: str, *lines: str | bytes, method: str = "GET", body: bytes = b"", host: str | None = "127.0.0.1"
) -> bytes:
    """The bytes of a request that is the last one on its connection.

    Args:
        target: what follows the method, unchanged.
        lines: header lines, unchanged.
        method: the method.
        body: sent with its length, unless a line states another length or a coding.
        host: the Host, or None for none.
    """
    head = [f"{method} {target} HTTP/1.1".encode("latin-1")]
    head += [f"Host: {host}".encode("latin-1")] if host is not None else []
    head += [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
    framed = any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in head)
    head += [b"Content-Length: %d" % len(body)] if body and not framed else []
    return b"\r\n".join([*head, b"Connection: close", b"", body])


def bearer(token: str) -> str:
    """The header line that shows a token."""
    return f"Authorization: Bearer {token}"


def half_open(url: str, data: bytes) -> socket.socket:
    """A connection on which `data` was sent and nothing more follows."""
    connection = connect(url)
    connection.sendall(data)
    return connection


def filled(template: str) -> str:
    """A path made from a route's template."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "a", template)
