"""Values between auth's dataclasses and a database: checked on the way in, aware of time zones on the way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from app.auth.models import EventLimit, Limit

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
#: How long a device stays known without being seen.
KEEP_DEVICES: Final = timedelta(days=400)
#: How long a process that died without withdrawing is remembered.
KEEP_INSTANCES: Final = timedelta(days=1)


def text(value: str) -> str:
    """Returns `value` if it is a string. Anything else, such as a dict with a query operator, is a `TypeError`.

    A lone surrogate, which JSON can carry but no database keeps, is spelled out, so that it matches nothing.
    """
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def number(value: int) -> int:
    """Returns `value` if it is an integer. Anything else, also a bool, is a `TypeError`."""
    if type(value) is not int:
        raise TypeError(f"an integer was expected, not {type(value).__name__}")
    return value


def to_millis(value: datetime) -> int:
    """Returns whole milliseconds since 1970. A naive datetime is a `TypeError`, and is not taken for UTC."""
    if value.tzinfo is None:
        raise TypeError("an aware datetime was expected")
    return (value - EPOCH) // MILLISECOND


def from_millis(value: int) -> datetime:
    """Returns the instant, in UTC."""
    return EPOCH + value * MILLISECOND


def instant(value: datetime) -> datetime:
    """Returns `value` in UTC and whole milliseconds, the finest resolution that every store keeps."""
    return from_millis(to_millis(value))


def plain(value: object) -> str | bool | int | datetime | list[str] | None:
    """Returns a field's value as both stores take it. A value that no field holds is a `TypeError`."""
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
    """Returns a limit's numbers, in milliseconds, and how many doublings take its first wait to the longest one.

    The number of doublings keeps powers of two within what a database can count with.
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


def limit_of_events(limit: EventLimit | None) -> dict[str, int] | None:
    """Returns the numbers of a limit on events, with spans in milliseconds, or None if there is none."""
    if limit is None:
        return None
    return {
        "free": number(limit.free),
        "most": number(limit.most),
        "window": limit.window // MILLISECOND,
        "spacing": limit.spacing // MILLISECOND,
        "wide_spacing": limit.wide_spacing // MILLISECOND,
    }
