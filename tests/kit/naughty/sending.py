"""A fast client that sends headers and bodies unchanged, as careless and malicious programs do."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import structlog


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
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def send(self, method: str, path: str, body: bytes | str, headers: Mapping[str, bytes | str]) -> Answer:
        """Send one request, whose path is not changed."""
        content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(content)
        answer = self._connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Switch off the log within the block, because lines about thousands of requests take longer than the
    requests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
