"""Counts what a request costs: by the calls that Python makes for it, which are the same on every machine."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeAlias, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from app.testing import TestClient

#: One body: its name, its media type and its bytes.
Body: TypeAlias = tuple[str, str, bytes]

T = TypeVar("T")

#: What one request of the API may take. An ordinary one takes 500 calls, and one with 8,000 faults took 200,000.
MOST_CALLS = 25_000

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


class Counter:
    """The calls since it was set to nought, in all threads that it watches, and the faults that pydantic made."""

    def __init__(self) -> None:
        self.calls = self.faults = 0

    def reset(self) -> None:
        """Sets it to nought."""
        self.calls = self.faults = 0

    def ask(self, attempt: Callable[[], T]) -> T:
        """Makes an attempt, or three if it is dear: what Duet does besides, such as mailing, counts as well."""
        for _ in range(3):
            self.reset()
            answer = attempt()
            if self.calls < MOST_CALLS:
                break
        return answer

    def watch_faults(self, api: FastAPI) -> None:
        """Counts what each refusal of input hands to the API's own handler, which answers as ever."""
        answer: Any = api.exception_handlers[RequestValidationError]

        async def counted(request: Request, error: Exception) -> Response:
            assert isinstance(error, RequestValidationError)
            self.faults += len(error.errors())
            response: Response = await answer(request, error)
            return response

        api.exception_handlers[RequestValidationError] = counted

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Counts one event, as `sys.setprofile` tells it."""
        if event in ("call", "c_call"):
            self.calls += 1


@contextmanager
def counting(app: FastAPI) -> Iterator[tuple[TestClient, Counter]]:
    """Runs `app` in this process, with a client. Counts the calls on its event loop and in its pages' threads."""
    counter = Counter()
    counter.watch_faults(app.state.api)
    threading.setprofile(counter)  # for the pages' threads, which begin when they are needed
    try:
        with TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False) as client:
            assert client.portal is not None
            client.portal.call(sys.setprofile, counter)
            yield client, counter
            client.portal.call(sys.setprofile, None)
    finally:
        threading.setprofile(None)


def filled(unit: bytes, size: int, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """As many units as fit, so that the whole has at most `size` bytes."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def numbered(unit: bytes, size: int, *, before: bytes = b"", after: bytes = b"", most: int = 10**6) -> bytes:
    """The same with another number in each unit, where `%d` stands, and with at most `most` of them."""
    units, room = [], size - len(before) - len(after)
    for number in range(most):
        units.append(unit % number)
        room -= len(units[-1])
        if room < 0:
            units.pop()
            break
    return before + b"".join(units) + after


def json_bodies(size: int, properties: list[str]) -> Iterator[Body]:
    """The JSON that takes a parser and a validator the longest, each text of almost `size` bytes.

    Args:
        size: the most bytes.
        properties: the names that the route knows.
    """
    yield "unknown", JSON, numbered(b'"%d":1,', size, before=b"{", after=b'"":1}')
    yield "array", JSON, filled(b"{},", size, before=b"[", after=b"{}]")
    yield "deep arrays", JSON, filled(b"[", size)
    yield "deep objects", JSON, filled(b'{"a":', size)
    yield "deep and whole", JSON, b"[" * 900 + b"]" * 900
    yield "long number", JSON, filled(b"1", size)
    yield "numbers", JSON, filled(b"1" * 4300 + b",", size, before=b"[", after=b"1]")
    yield "digits", JSON, filled(b"0", size, before=b"0.", after=b"1")
    yield "escapes", JSON, filled(rb"\u0000", size, before=b'"', after=b'"')
    for name in properties:
        start = b'{"%b":' % name.encode()
        yield f"repeated {name}", JSON, filled(b'"%b":1,' % name.encode(), size, before=b"{", after=b'"":1}')
        yield f"{name} of lists", JSON, filled(b"[],", size, before=start + b"[", after=b"[]]}")
        yield f"{name} of texts", JSON, filled(b'"",', size, before=start + b"[", after=b'""]}')
        yield f"{name} of members", JSON, numbered(b'"%d":1,', size, before=start + b"{", after=b'"":1}}')
        yield f"{name} too long", JSON, filled(b"\xc3\xa4", size, before=start + b'"', after=b'"}')


def worst_forms(size: int, fields: int, names: list[str], *, before: bytes = b"") -> Iterator[Body]:
    """A few of `form_bodies`, one of each kind."""
    kinds = {"most fields", *(f"{name} of {unit!r}" for name in names for unit in (b"%", b'"'))}
    return (one for one in form_bodies(size, fields, names, before=before) if one[0] in kinds)


def form_bodies(size: int, fields: int, names: list[str], *, before: bytes = b"") -> Iterator[Body]:
    """The forms that take a parser the longest: of almost `size` bytes, and of at most `fields` fields.

    Args:
        size: the most bytes.
        fields: the most fields.
        names: the names that the endpoint knows.
        before: fields with which each form in `application/x-www-form-urlencoded` begins.
    """
    fields -= before.count(b"&")
    size -= 100
    yield "most fields", FORM, numbered(b"f%d=%%41&", size, before=before, most=fields - 1)
    yield "the same field", FORM, before + b"a&" * (fields - 1)
    yield "no fields", FORM, before + b"&" * (fields - 1)
    for name in (*names, "unknown"):
        start = before + name.encode() + b"="
        for unit in (b"%41", b"%FFx", b"%", b"%C3%A4x", b"+", b"\xff", b'"', b"<", b"\xc3\xa4", b"x", b"%00"):
            yield f"{name} of {unit!r}", FORM, filled(unit, size, before=start)
    part = b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="f%d"; filename="f"\r\n\r\n\r\n'
    end = b"--b--\r\n"
    yield "parts", MULTIPART, numbered(part, size, after=end, most=fields)
    yield "files", MULTIPART, numbered(file, size, after=end, most=fields)
    one = b'--b\r\nContent-Disposition: form-data; name="a"'
    after = b"\r\n\r\nx\r\n" + end
    for unit in (b";a=b", b';a="', b";", b" ", b"\r\nA: b", b"\r\n b"):
        yield f"a part with {unit!r}", MULTIPART, filled(unit, size, before=one, after=after)
    for unit in (b"\r\n--b ", b"\r", b"\r\n--", b"\n"):
        yield f"a part of {unit!r}", MULTIPART, filled(unit, size, before=one + b"\r\n\r\n", after=b"\r\n" + end)
    yield "no boundary", MULTIPART.partition(";")[0], filled(part % 1, size)
    yield "no type", "", filled(b"a&", size)
    yield "another type", "text/plain", filled(b"a&", size)
