"""A fast client that sends headers and bodies unchanged, as careless and malicious programs do."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
import structlog

from tests.kit import wire


def form(**fields: str) -> str:
    """The body of a form, with half a surrogate pair sent as the bytes that careless programs send for it."""
    return urlencode(fields, errors="surrogatepass")


class Answer(NamedTuple):
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    text: str


class Sender:
    """A fast client on one connection, which sends headers and bodies unchanged."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._address = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self._wire = wire.Wire()

    def send(self, method: str, path: str, body: bytes | str, headers: Mapping[str, bytes | str]) -> Answer:
        """Send one request, whose path is not changed."""
        content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        lines = [f"{method} {path} HTTP/1.1".encode("ascii"), f"Host: {self._host}".encode()]
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            plain = value if isinstance(value, bytes) else value.encode("latin-1")
            lines.append(b"%b: %b" % (name.encode(), plain))
        answer = wire.Answer(is_head=method == "HEAD")
        self._wire.exchange(self._address, b"\r\n".join([*lines, b"", content]), answer, seconds=30)
        return Answer(answer.status, httpx.Headers(answer.headers), b"".join(answer.body).decode())

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Switch off the log within the block, because lines about thousands of requests take longer than the
    requests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
