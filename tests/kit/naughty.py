"""Strings that break input handling: the Big List of Naughty Strings, and some that it lacks."""

from __future__ import annotations

import http.client
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
import structlog

_LIST = Path(__file__).parents[2].parent / "shared" / "data" / "naughty-strings" / "blns.json"

#: Lone surrogates, NUL, what no text holds, lines, directions, operators, forms that grow when normalised.
MORE = [
    "\ud800",
    "\udfff",
    "a\udc80b",
    "\0",
    "a\0b",
    "\uffff",
    "\ufffe",
    "\U0010ffff",
    "\r\nX-Injected: 1",
    "\x1b[2J",
    "\x7f",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u0085",
    "\ufdfa" * 300,
    "\u0958" * 300,
    "e" + "\u0301" * 500,
    "x" * 5000,
    "{$ne: null}",
    '{"$gt": ""}',
    "$where",
    "' OR 1=1 --",
    "{{7*7}}",
    "{% raw %}",
    "%s%n",
    "%(name)s",
    "%00",
    "%ed%a0%80",
    "admin@example.com\0",
    "\u2100@example.com",
    "a@\u2488com",
    "xn--a@xn--a",
    "a@" + "b." * 120 + "com",
    "\u0131@example.com",
]


def naughty_strings(*, turn: int | None = None) -> list[str]:
    """All of them; or, by turns, every other one of the list, and all of ours.

    Skips the test where the list is missing, and fails it in CI.
    """
    if not _LIST.exists():
        if os.environ.get("CI"):
            pytest.fail("the list of naughty strings is missing, and in CI it never may")
        pytest.skip("the list of naughty strings is not here")
    found: list[str] = json.loads(_LIST.read_text(encoding="utf-8"))
    assert len(found) == 515
    return [*(found if turn is None else found[turn % 2 :: 2]), *MORE]


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
