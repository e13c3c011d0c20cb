"""How values travel between auth's dataclasses and a database: checked on the way in, aware on the way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from app.auth.models import Limit

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
#: How long a device stays known without being seen.
KEEP_DEVICES: Final = timedelta(days=400)
#: How long a process that died without a word is remembered.
KEEP_INSTANCES: Final = timedelta(days=1)


def text(value: str) -> str:
    """`value` if it is a string: anything else, say a dict with a query operator, is a mistake of the caller.

    A lone surrogate, which JSON can carry and no database keeps, is spelled out, so that it matches nothing.
    """
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def number(value: int) -> int:
    """`value` if it is an integer, and neither a bool nor anything else."""
    if type(value) is not int:
        raise TypeError(f"an integer was expected, not {type(value).__name__}")
    return value


def to_millis(value: datetime) -> int:
    """Whole milliseconds since 1970. A naive datetime is a mistake, not UTC."""
    if value.tzinfo is None:
        raise TypeError("an aware datetime was expected")
    return (value - EPOCH) // MILLISECOND


def from_millis(value: int) -> datetime:
    """The instant in UTC."""
    return EPOCH + value * MILLISECOND


def instant(value: datetime) -> datetime:
    """`value` in UTC and whole milliseconds: the finest that every store keeps."""
    return from_millis(to_millis(value))


def plain(value: object) -> str | bool | int | datetime | list[str] | None:
    """A dataclass field's value as both stores take it; TypeError for what no field holds."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, list | tuple):
        return [text(item) for item in value]
    if isinstance(value, str):
        return text(value)
    raise TypeError(f"a {type(value).__name__} can't be stored")


def limit_numbers(limit: Limit) -> dict[str, int]:
    """The numbers of a limit, in milliseconds, and how often its first wait is doubled before it is the longest.

    With that no power of two grows beyond what a database counts with.
    """
    first, longest = limit.first_wait // MILLISECOND, limit.longest_wait // MILLISECOND
    doublings = 0
    while 0 < first << doublings < longest:
        doublings += 1
    return {
        "free": number(limit.free),
        "first": first,
        "longest": longest,
        "window": limit.window // MILLISECOND,
        "doublings": doublings,
    }
