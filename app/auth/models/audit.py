"""Defines what the audit log holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit log: what happened, to whom, from where."""

    id: str
    at: datetime
    event: str
    #: The user whom it concerns.
    user_id: str = ""
    session_id: str = ""
    ip: str = ""
    user_agent: str = ""
    detail: str = ""
    #: The user who did it, if that is somebody else: an admin.
    actor_id: str = ""
    #: How many more events of its kind, user and actor got no row of their own before the next row.
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class EventLimit:
    """How often the events of one kind, of one user and one actor, get a row each.

    Within a `window`, these are the first `free` that also have the same IP address and detail, and from then on
    one every `spacing`. After `most`, of any IP address and detail, it is one every `wide_spacing`. The others are
    counted in the row before them.
    """

    free: int
    most: int
    window: timedelta
    spacing: timedelta
    wide_spacing: timedelta
