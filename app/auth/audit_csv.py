"""Writes the audit log as CSV (RFC 4180), for the page and the API: a header, then a line for each event.

No cell of it is a formula that a spreadsheet would run.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from app.auth.models import AuditEvent

#: The file's name, and its media type, which says that the first line is a header (RFC 4180 section 3).
FILE_NAME: Final = "duet-audit.csv"
MEDIA_TYPE: Final = "text/csv; charset=utf-8; header=present"
#: The columns, in this order.
COLUMNS: Final = ("at", "event", "user_id", "actor_id", "session_id", "ip", "user_agent", "detail")
#: What a spreadsheet takes for a formula or for the start of another cell, including the full-width forms. Anyone
#: can send any text as a user agent, and an admin opens the file (OWASP: CSV injection).
_LIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: A semicolon ends a cell in the spreadsheets of many languages, even within quotes: this is where the next cell
#: would then begin with one of those characters.
_NEXT_CELL: Final = re.compile(f"(?<=;)(?=[{re.escape(''.join(_LIVE))}])")


def header() -> str:
    """Returns the first line."""
    return _lines([COLUMNS])


def rows(events: Iterable[AuditEvent]) -> str:
    """Returns the lines of `events`, with an apostrophe in front of whatever a spreadsheet would run."""
    return _lines(
        (
            event.at.isoformat(timespec="milliseconds"),
            event.event,
            event.user_id,
            event.actor_id,
            event.session_id,
            event.ip,
            event.user_agent,
            f"{event.detail} (and {event.repeated} more)".lstrip() if event.repeated else event.detail,
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
