"""A quick client that sends headers and bodies as they are: what careless programs and worse ones send."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import structlog


def form(**fields: str) -> str:
    """The body of a form; half a surrogate pair goes as the bytes that careless programs send for it."""
    return urlencode(fields, errors="surrogatepass")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


class Sender:
    """A quick client on one connection, which sends headers and bodies as they are."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def send(self, method: str, path: str, body: bytes | str, headers: Mapping[str, bytes | str]) -> Answer:
        """One request, whose path is taken as it is."""
        content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(content)
        answer = self._connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


@contextmanager
def quiet() -> Iterator[None]:
    """No lines about thousands of requests: they take more time than the requests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
