"""Words what machines write, for the pages: instants, and user agents (as mails do)."""

from __future__ import annotations

from datetime import UTC, datetime

from app.user_agents import device

__all__ = ["ago", "day", "device", "moment"]


def moment(when: datetime) -> str:
    """Returns a text such as '24 November 2026, 20:15 UTC'."""
    return f"{when.day} {when:%B %Y, %H:%M}\N{NO-BREAK SPACE}UTC"


def day(when: datetime) -> str:
    """Returns a text such as '24 November 2026'."""
    return f"{when.day} {when:%B %Y}"


def ago(when: datetime, now: datetime | None = None) -> str:
    """Returns 'now', '5 minutes ago' or '3 days ago', and after a month the day: '24 October 2026'."""
    minutes = int(((now or datetime.now(UTC)) - when).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes > 30 * 1440:
        return day(when)
    size, name = next(unit for unit in ((1440, "day"), (60, "hour"), (1, "minute")) if minutes >= unit[0])
    count = minutes // size
    return f"{count} {name}{'' if count == 1 else 's'} ago"
