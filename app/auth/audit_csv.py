"""The audit log as CSV (RFC 4180), for the page and the API: a header, a line for each event, no live formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from app.auth.models import AuditEvent

#: What the file is called, and what it is: with a first line of names (RFC 4180 section 3).
FILE_NAME: Final = "duet-audit.csv"
MEDIA_TYPE: Final = "text/csv; charset=utf-8; header=present"
#: The columns, in their order.
COLUMNS: Final = ("at", "event", "user_id", "actor_id", "session_id", "ip", "user_agent", "detail")
#: What a spreadsheet takes for a formula or for the start of another cell, full-width forms among it. A user agent
#: is whatever its sender likes, and the file is opened by an admin (OWASP: CSV injection).
_LIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: Where a spreadsheet of many a language ends a cell, quotes or not, and finds the beginning of such a one.
_NEXT_CELL: Final = re.compile(f"(?<=;)(?=[{re.escape(''.join(_LIVE))}])")


def header() -> str:
    """The first line."""
    return _lines([COLUMNS])


def rows(events: Iterable[AuditEvent]) -> str:
    """The lines of `events`. A cell that a spreadsheet would run begins with an apostrophe."""
    return _lines(
        (
            event.at.isoformat(timespec="milliseconds"),
            event.event,
            event.user_id,
            event.actor_id,
            event.session_id,
            event.ip,
            event.user_agent,
            event.detail,
        )
        for event in events
    )


def _lines(lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_inert(cell) for cell in line] for line in lines)
    return text.getvalue()


def _inert(cell: str) -> str:
    cell = _NEXT_CELL.sub("'", cell)
    return f"'{cell}" if cell.startswith(_LIVE) else cell
