"""Cursors say where the next page of a list begins. They are opaque to clients, and never trusted."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

from app.auth.models import AuditEvent, Page
from app.auth.refusals import CursorInvalid
from app.store.values import number, text, to_millis

#: In characters: more than any cursor of ours has. Two keys of 320 characters, four bytes each, take 3,500.
LONGEST_CURSOR: Final = 8192
#: Milliseconds since 1970. Python and each database can represent every instant before this one.
LATEST: Final = 50_000_000_000_000

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def write_cursor(*parts: str | int) -> str:
    """Returns a cursor that holds `parts`."""
    data = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_cursor(cursor: str) -> list[str | int]:
    """Returns a cursor's parts: strings that a database can hold, and whole numbers. Raises `CursorInvalid`."""
    if len(cursor) > LONGEST_CURSOR or not _ALPHABET.fullmatch(cursor):
        raise CursorInvalid
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts: Any = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # it is not base64, UTF-8 or JSON, or is nested too deeply
        raise CursorInvalid from error
    if not isinstance(parts, list) or not all(map(_is_part, parts)):
        raise CursorInvalid
    return parts


def _is_part(part: object) -> bool:
    if isinstance(part, str):
        return "\0" not in part and not any("\ud800" <= char <= "\udfff" for char in part)
    return type(part) is int


def place_of_events(cursor: str) -> tuple[int, str] | None:
    """Returns the instant, in milliseconds, and the id of the event after which the page begins.

    Returns None for the first page. Raises `CursorInvalid`.
    """
    if not text(cursor):
        return None
    match read_cursor(cursor):
        case [int() as at, str() as event_id] if abs(at) < LATEST:
            return at, event_id
    raise CursorInvalid


def page_of_events(events: list[AuditEvent], limit: int) -> Page[AuditEvent]:
    """Returns a page of the first `limit` events. If `events` holds more, there is another page."""
    if number(limit) < 1:
        return Page([])
    if len(events) <= limit:
        return Page(events)
    last = events[limit - 1]
    return Page(events[:limit], write_cursor(to_millis(last.at), last.id))
