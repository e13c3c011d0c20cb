"""The audit log, as a store keeps it."""

from __future__ import annotations

from typing import Protocol

from app.auth.models import (
    AuditEvent,
    Page,
)


class Audit(Protocol):
    """What happened."""

    async def add_audit_event(self, event: AuditEvent) -> None: ...

    async def audit_events(
        self, *, user_id: str = "", event: str = "", cursor: str = "", limit: int = 100
    ) -> Page[AuditEvent]:
        """The newest first; those that concern a user, those of a kind, or all. Raises `CursorInvalid`."""
        ...
