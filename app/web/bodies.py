"""How large a body each page takes, and how many fields: for the edge, and for Flask before it parses a form."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import IO, Any, Final, cast

from flask import Flask, Request, request
from starlette.types import Scope
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from app.bodies import BodyLimit, TooManyFields, marked_limit, own_limit, read_fields

#: The most bytes of the heads of all parts of a form together: enough for a thousand of them.
MOST_IN_HEADS: Final = 128 * 1024

_KEY: Final = "duet.bodies"
#: Ends a part's head, as Werkzeug sees it.
_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\r\r|\n\n")


class PageBodies:
    """Knows the limit of each page.

    Args:
        app: the pages, all of them.
        own: the blueprints that are Duet's own.
        max_body_bytes: what a page takes that has no other limit.

    Raises:
        PolicyError: a marker does not reach its view.
    """

    def __init__(self, app: Flask, *, own: Collection[str], max_body_bytes: int) -> None:
        ours, usual = own_limit(max_body_bytes), BodyLimit(max_body_bytes)
        self._usual = max_body_bytes
        self._urls = app.url_map.bind("")
        self._limits = {
            endpoint: marked_limit(view, name=f"page {endpoint}")
            or (ours if endpoint.partition(".")[0] in {*own, "static"} else usual)
            for endpoint, view in app.view_functions.items()
        }

    def max_bytes(self, scope: Scope) -> int:
        """Returns how many bytes the page that answers a request with this scope takes.

        Where no page answers, nothing reads the body, and the usual limit holds.
        """
        try:
            endpoint, _ = self._urls.match(scope["path"], scope["method"])
        except HTTPException:
            return self._usual
        return self._limits[endpoint].max_bytes

    def before_request(self) -> None:
        """Gives Flask the limits of the page that was asked for, before anything looks at its form."""
        limit = self._limits.get(request.endpoint or "")
        if limit is not None:
            request.max_content_length = request.max_form_memory_size = limit.max_bytes
            request.max_form_parts = limit.max_fields


def set_page_bodies(app: Flask, bodies: PageBodies) -> None:
    """Leaves `bodies` with the pages that they belong to."""
    app.extensions[_KEY] = bodies


def get_page_bodies(app: Flask) -> PageBodies:
    """Returns what knows the limit of each page of `app`."""
    return cast(PageBodies, app.extensions[_KEY])


class _Heads:
    """A body in `multipart/form-data` that is refused if its parts have too long heads.

    Werkzeug takes heads apart in Python: a megabyte of parameters in one head takes it half a second.

    Args:
        stream: the body.
        boundary: what separates its parts.
    """

    def __init__(self, stream: IO[bytes], boundary: str) -> None:
        self._stream = stream
        self._boundary = re.compile(re.escape(f"--{boundary}".encode()))
        self._longest = max(len(boundary) + 2, len(b"\r\n\r\n"))
        self._is_head = False
        self._counted = 0
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Reads as a file does. Raises `RequestEntityTooLarge`."""
        piece = self._stream.read(size)
        text, begin = self._rest + piece, 0
        while found := (_BLANK_LINE if self._is_head else self._boundary).search(text, begin):
            self._count(found.start() - begin)
            self._is_head, begin = not self._is_head, found.end()
        # What the next piece may complete waits for it.
        end = max(begin, len(text) - self._longest)
        self._count(end - begin)
        self._rest = text[end:]
        return piece

    def _count(self, length: int) -> None:
        if self._is_head:
            self._counted += length
            if self._counted > MOST_IN_HEADS:
                raise RequestEntityTooLarge


class _FormParser(FormDataParser):
    """Counts the fields of every kind of form. Werkzeug only counts the parts of `multipart/form-data`."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Any:
        """Parses a form. Raises `RequestEntityTooLarge` if it has too many fields, or is too large."""
        if mimetype == "multipart/form-data":
            stream = cast(IO[bytes], _Heads(stream, (options or {}).get("boundary", "")))
        if mimetype != "application/x-www-form-urlencoded" or self.max_form_parts is None:
            return super().parse(stream, mimetype, content_length, options)
        try:
            fields = read_fields(stream.read(), max_fields=self.max_form_parts)
        except TooManyFields:
            raise RequestEntityTooLarge from None
        return stream, self.cls(fields), self.cls()


class PageRequest(Request):
    """Flask's request, whose forms are counted before they are parsed."""

    form_data_parser_class = _FormParser
