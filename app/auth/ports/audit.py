"""Defines how a store keeps the audit log."""

from __future__ import annotations

from typing import Protocol

from app.auth.models import (
    AuditEvent,
    EventLimit,
    Page,
)


class Audit(Protocol):
    """The audit log."""

    async def add_audit_event(self, event: AuditEvent, *, limit: EventLimit | None = None) -> None:
        """Stores the event. If `limit` allows it no row, counts it in the last row of its kind, user and actor.

        Where the database has no transactions, calls at the same moment may get a row each.
        """
        ...

    async def audit_events(
        self, *, user_id: str = "", event: str = "", cursor: str = "", limit: int = 100
    ) -> Page[AuditEvent]:
        """Returns events, the newest first: those that concern a user, those of a kind, or all.

        Raises `CursorInvalid`.
        """
        ...
