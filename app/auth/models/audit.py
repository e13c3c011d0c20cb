"""Defines what the audit log holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
