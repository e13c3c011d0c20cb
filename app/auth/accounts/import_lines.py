"""Reads user records, with their line numbers, from the lines of a CSV or JSON Lines file.

Nothing here raises for a bad record: it becomes a `BadLine`, and the next line is read. `MAX_LINE` bounds the
memory used for any file. No reason repeats a value, because it may be a password.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.auth.errors import AuthError

#: The longest line, and the longest record over several lines, in bytes. Records need a few hundred.
MAX_LINE: Final = 65_536
#: How many lines a record with quoted line breaks may span.
_MAX_RECORD: Final = 100

NEEDED: Final = ("email", "password_hash")
COLUMNS: Final = (*NEEDED, "id", "name", "roles", "is_active", "is_email_verified", "created_at")


class FileUnreadable(AuthError):
    """The file as a whole can't be read, and nothing was imported."""

    code = "file_unreadable"


class BadLine(NamedTuple):
    """A line that is left out, and why."""

    number: int
    reason: str


class Record(NamedTuple):
    """What a line says about a user, unchecked."""

    number: int
    values: Mapping[str, Any]


class _Line(NamedTuple):
    number: int
    text: str
    #: Why the line has no text.
    fault: str = ""


def records(readline: Callable[[int], bytes], file_format: str = "") -> Iterator[Record | BadLine]:
    """Returns the records of a file, which are read as they are needed.

    Args:
        readline: returns the next line, or at most the given number of bytes of it; nothing at the end.
        file_format: `csv` or `jsonl`. If it is empty, a first line that begins with a brace means JSON Lines.

    Raises:
        FileUnreadable: the file is empty, or its first line names no usable columns.
    """
    lines = _Lines(readline)
    first = next((line for line in lines if line.fault or line.text.strip()), None)
    if first is None:
        raise FileUnreadable("The file is empty.")
    lines.put_back([first])
    text = first.text.lstrip()
    if not file_format and text.startswith("["):
        raise FileUnreadable("This is a JSON array. JSON lines are wanted: one object a line.")
    is_json = file_format == "jsonl" or (not file_format and text.startswith("{"))
    return _from_json(lines) if is_json else _from_csv(lines)


class _Lines(Iterator[_Line]):
    """Yields numbered lines of text, which can be put back."""

    def __init__(self, readline: Callable[[int], bytes]) -> None:
        self._readline = readline
        self._number = 0
        self._waiting: deque[_Line] = deque()

    def put_back(self, lines: Sequence[_Line]) -> None:
        """Puts lines back, so that they come next and in this order."""
        self._waiting.extendleft(reversed(lines))

    def __next__(self) -> _Line:
        if self._waiting:
            return self._waiting.popleft()
        line = self._readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self._number += 1
        if self._number == 1:
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise FileUnreadable("The file is UTF-16. Please save it as UTF-8.")
            line = line.removeprefix(b"\xef\xbb\xbf")
        if len(line) > MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = self._readline(MAX_LINE)
            return _Line(self._number, "", f"longer than {MAX_LINE:,} bytes")
        try:
            return _Line(self._number, line.decode())
        except UnicodeDecodeError:
            return _Line(self._number, "", "not UTF-8")


def _from_json(lines: _Lines) -> Iterator[Record | BadLine]:
    for number, text, fault in lines:
        if fault:
            yield BadLine(number, fault)
        elif text.strip():
            yield _object(number, text)


def _object(number: int, text: str) -> Record | BadLine:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        return BadLine(number, "not JSON")
    if not isinstance(pairs, _Pairs):
        return BadLine(number, "not a JSON object")
    names = [name for name, _ in pairs]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        return BadLine(number, f"unknown name{_quoted(unknown[0])}")
    if len(set(names)) < len(names):
        return BadLine(number, "a name appears twice")
    return Record(number, dict(pairs))


class _Pairs(list[tuple[str, Any]]):
    """The names and values of a JSON object, including repeated names."""


def _from_csv(lines: _Lines) -> Iterator[Record | BadLine]:
    header = _header(next(lines))
    for line in lines:
        if line.fault:
            yield BadLine(line.number, line.fault)
        elif line.text.strip():
            yield _row(line, lines, header)


def _header(line: _Line) -> list[str]:
    """Returns the names of the columns. Errors do not repeat the line, which may hold somebody's data."""
    if line.fault:
        raise FileUnreadable(f"The first line is {line.fault}.")
    names = [name.strip().lower() for name in _cells(line.text) or ()]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise FileUnreadable(
            f"The first line has no column '{missing[0]}'. It names the columns, separated by commas: "
            f"{', '.join(NEEDED)} and, if you like, {', '.join(COLUMNS[len(NEEDED) :])}."
        )
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise FileUnreadable(
            f"The first line has an unknown column{_quoted(unknown[0])}. Known: {', '.join(COLUMNS)}."
        )
    if len(set(names)) < len(names):
        raise FileUnreadable("The first line names a column twice.")
    return names


def _row(first: _Line, lines: _Lines, header: list[str]) -> Record | BadLine:
    """Returns the record that begins in `first`. If a quoted value has line breaks, further lines belong to it."""
    group = [first]
    size = len(first.text)
    while sum(line.text.count('"') for line in group) % 2 and len(group) < _MAX_RECORD and size <= MAX_LINE:
        line = next(lines, None)
        if line is None:
            break
        group.append(line)
        size += len(line.text)
        if line.fault:
            break
    cells = None if group[-1].fault else _cells("".join(line.text for line in group))
    if len(group) > 1 and (cells is None or len(cells) != len(header)):
        # A quote that is never closed spoils only its own line.
        lines.put_back(group[1:])
        cells = _cells(first.text)
    if cells is None:
        return BadLine(first.number, "not CSV: a quote is not closed, or is in the wrong place")
    if len(cells) != len(header):
        return BadLine(first.number, f"{len(cells)} values where the first line has {len(header)} columns")
    return Record(first.number, dict(zip(header, cells, strict=True)))


def _cells(text: str) -> list[str] | None:
    """Returns the values of one record, or None if the text is not CSV."""
    try:
        return next(csv.reader([text.rstrip("\r\n")], strict=True), [])
    except csv.Error:
        return None


def _quoted(name: str) -> str:
    """Returns the name in quotes if it looks like a name, and otherwise an empty string."""
    return f" '{name}'" if re.fullmatch("[A-Za-z][A-Za-z_]{0,31}", name) else ""
