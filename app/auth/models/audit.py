"""The audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit log: what happened, to whom, from where."""

    id: str
    at: datetime
    event: str
    #: Whom it concerns.
    user_id: str = ""
    session_id: str = ""
    ip: str = ""
    user_agent: str = ""
    detail: str = ""
    #: Who did it, where that is somebody else: an admin.
    actor_id: str = ""
