"""The audit log as CSV: a spreadsheet shows what was recorded, and runs none of it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from app.auth import audit_csv
from app.auth.models import AuditEvent

AT = datetime(2026, 11, 24, 20, 15, 7, 123000, tzinfo=UTC)


def read(text: str) -> list[list[str]]:
    """The cells, as a reader of RFC 4180 finds them."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_a_line_has_what_the_header_says() -> None:
    """Each event is one line, in the order of the columns, ended by CR LF."""
    event = AuditEvent("e1", AT, "login", "u1", "s1", "203.0.113.7", 'A "quoted", agent', "detail", "u2")
    text = audit_csv.header() + audit_csv.rows([event, event])
    cells = [
        "2026-11-24T20:15:07.123+00:00",
        "login",
        "u1",
        "u2",
        "s1",
        "203.0.113.7",
        'A "quoted", agent',
        "detail",
    ]
    assert read(text) == [list(audit_csv.COLUMNS), cells, cells]
    assert text.count("\r\n") == text.count("\n") == 3


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_is_a_formula(first: str) -> None:
    """A cell that a spreadsheet would run begins with an apostrophe, whichever column it is in."""
    evil = f"{first}cmd|' /C calc'!A0"
    event = AuditEvent(evil, AT, evil, evil, evil, evil, evil, evil, evil)
    (cells,) = read(audit_csv.rows([event]))
    assert cells[1:] == [f"'{evil}"] * 7


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\uff1d"])
def test_no_semicolon_begins_a_formula(first: str) -> None:
    """Where the local separator is a semicolon, a spreadsheet would end the cell there (CWE-1236)."""
    event = AuditEvent(
        "e1", AT, "login", user_agent=f"Mozilla/5.0;{first}cmd|' /C calc'!A0;x; +https://example.com"
    )
    (cells,) = read(audit_csv.rows([event]))
    assert cells[6] == f"Mozilla/5.0;'{first}cmd|' /C calc'!A0;x; +https://example.com"


def test_other_cells_are_left_as_they_are() -> None:
    """Such characters inside a cell, and empty cells, are no formulas."""
    event = AuditEvent("e1", AT, "login", "", "a-b", "::1", "curl/8.1 (+https://example.com)", "a=b")
    (cells,) = read(audit_csv.rows([event]))
    assert cells[1:] == ["login", "", "", "a-b", "::1", "curl/8.1 (+https://example.com)", "a=b"]
