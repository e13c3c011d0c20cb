"""What happened, to whom, from where: one log line and one row in the store for each event."""

from __future__ import annotations

import secrets

import structlog

from app.auth.errors import StoreUnavailable
from app.auth.models import AuditEvent, Client
from app.auth.ports import Clock, Store

log = structlog.get_logger(__name__)


class Audit:
    """Writes the audit log.

    Args:
        store: keeps the rows.
        clock: tells the time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(
        self, event: str, *, client: Client, user_id: str = "", session_id: str = "", detail: str = ""
    ) -> None:
        """Writes one event. Never fails: what it tells of has happened already, and the log line is out first.

        Args:
            event: what happened, such as `login` or `refresh_reused`.
            client: where it came from.
            user_id: whom it concerns; empty where that is nobody known.
            session_id: which login it concerns.
            detail: a reason code. Never anything that was typed in: people type passwords into the wrong field.
        """
        row = AuditEvent(
            id=secrets.token_urlsafe(12),
            at=self._clock.now(),
            event=event,
            user_id=user_id,
            session_id=session_id,
            ip=client.ip,
            user_agent=client.user_agent,
            detail=detail,
        )
        log.info("audit", kind=event, user=user_id, session=session_id, ip=client.ip, reason=detail)
        try:
            await self._store.add_audit_event(row)
        except StoreUnavailable:
            log.warning("audit_row_lost", kind=event, user=user_id, session=session_id)
