"""Records what happened, to whom, by whom and from where: a log line and a row in the store for each event."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from app.auth.clock import Clock
from app.auth.errors import AuthError, StoreUnavailable
from app.auth.models import AuditEvent, Client, EventLimit, Page, Principal
from app.auth.ports import Store

#: How often what an account does, or has done to it, gets a row: asking again all day must not fill the disk.
ROWS: Final = EventLimit(
    free=50,
    most=100,
    window=timedelta(days=1),
    spacing=timedelta(minutes=1),
    wide_spacing=timedelta(hours=1),
)
#: The same for what somebody else does to an account, as admins do. Only what is alike is held back: behind a
#: hundred harmless changes, a grant of rights would have no row for an hour.
ROWS_BY_OTHERS: Final = replace(ROWS, most=2**31 - 1)
#: Events that the throttle limits before they happen. They take the same steps with an account and without one.
THROTTLED: Final = frozenset({"login_failed", "login_blocked"})

log = structlog.get_logger(__name__)


class Audit:
    """Writes and reads the audit log.

    Args:
        store: keeps the rows.
        clock: tells the time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        #: How often each event has happened in this process.
        self.counts: Counter[str] = Counter()

    async def record(
        self,
        event: str,
        *,
        client: Client,
        user_id: str = "",
        session_id: str = "",
        actor_id: str = "",
        detail: str = "",
    ) -> None:
        """Writes one event. Never fails: the event has happened already, and its log line is written first.

        Takes the same arguments as `event`. If an account has had many of its kind, it is only counted.
        """
        row = self.event(
            event, client=client, user_id=user_id, session_id=session_id, actor_id=actor_id, detail=detail
        )
        self.tell(row)
        try:
            await self._store.add_audit_event(row, limit=self.limit_of(row))
        except StoreUnavailable:
            log.warning("audit_row_lost", kind=event, user=user_id, session=session_id)

    def event(
        self,
        event: str,
        *,
        client: Client,
        user_id: str = "",
        session_id: str = "",
        actor_id: str = "",
        detail: str = "",
    ) -> AuditEvent:
        """Makes the row of an event, for a caller that stores it together with the change and then calls `tell`.

        Args:
            event: what happened, such as `login` or `refresh_reused`.
            client: where it came from.
            user_id: whom it concerns; empty if that is not known.
            session_id: which login it concerns.
            actor_id: who did it, if that is somebody else.
            detail: a reason code. Never anything that was typed in: people type passwords into the wrong field.
        """
        return AuditEvent(
            # Increases within the process, so that events of the same millisecond keep their order.
            id=f"{time.monotonic_ns():016x}{secrets.token_hex(6)}",
            at=self._clock.now(),
            event=event,
            user_id=user_id,
            session_id=session_id,
            ip=client.ip,
            user_agent=client.user_agent,
            detail=detail,
            actor_id=actor_id,
        )

    def limit_of(self, row: AuditEvent) -> EventLimit | None:
        """Returns how often such an event gets a row. The first ones always do, and the others are counted."""
        if row.event in THROTTLED or not (row.user_id or row.actor_id):
            return None
        return ROWS_BY_OTHERS if row.actor_id else ROWS

    def tell(self, row: AuditEvent) -> None:
        """Writes the log line of an event that has happened, and counts it."""
        self.counts[row.event] += 1
        log.info(
            "audit",
            kind=row.event,
            user=row.user_id,
            session=row.session_id,
            actor=row.actor_id,
            ip=row.ip,
            reason=row.detail,
        )

    async def refused(self, principal: Principal, error: AuthError, client: Client) -> None:
        """Records that a logged-in caller tried what their rights do not allow."""
        await self.record(
            "refused",
            client=client,
            user_id=principal.user_id,
            session_id=principal.session_id,
            detail=error.code,
        )

    async def events(
        self, *, user_id: str = "", event: str = "", cursor: str = "", limit: int = 100
    ) -> Page[AuditEvent]:
        """Returns a page of the log, the newest event first. Raises `CursorInvalid` or `StoreUnavailable`.

        Args:
            user_id: only events that concern this user.
            event: only events with this name.
            cursor: the one that the previous page gave.
            limit: how many events, at most.
        """
        return await self._store.audit_events(user_id=user_id, event=event, cursor=cursor, limit=limit)
