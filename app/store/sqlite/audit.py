"""The audit log of the SQLite store."""

from __future__ import annotations

from typing import Final

from app.auth.models import AuditEvent, EventLimit, Page
from app.store.cursors import page_of_events, place_of_events
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.rows import Value, column_list, columns_of, marks, values_of
from app.store.values import limit_of_events, number, text

_COLUMNS: Final = columns_of(AuditEvent)
_ADD: Final = f"INSERT INTO audit_events ({column_list(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"  # noqa: S608
_SAME: Final = "FROM audit_events WHERE user_id = :user_id AND event = :event AND actor_id = :actor_id"
_ALIKE: Final = f"{_SAME} AND ip = :ip AND detail = :detail"
#: Stores the event if its limit allows it a row (see `EventLimit`).
_ADD_LIMITED: Final = (
    f"INSERT INTO audit_events ({column_list(_COLUMNS)}) SELECT {', '.join(f':{name}' for name in _COLUMNS)}"  # noqa: S608
    f" WHERE NOT EXISTS (SELECT 1 {_SAME} AND at > :at - :wide_spacing)"
    f" OR (:most > (SELECT count(*) FROM (SELECT 1 {_SAME} AND at > :at - :window LIMIT :most))"
    f" AND (:free > (SELECT count(*) FROM (SELECT 1 {_ALIKE} AND at > :at - :window LIMIT :free))"
    f" OR NOT EXISTS (SELECT 1 {_ALIKE} AND at > :at - :spacing))) RETURNING 1"
)
_COUNT: Final = (
    "UPDATE audit_events SET repeated = repeated + 1"  # noqa: S608
    f" WHERE seq = (SELECT seq {_SAME} ORDER BY at DESC, id DESC LIMIT 1)"
)


def add_event(transaction: Transaction, event: AuditEvent, limit: EventLimit | None) -> None:
    """Stores the event, or counts it in an earlier row (see `Audit.add_audit_event`)."""
    numbers = limit_of_events(limit)
    if numbers is None:
        transaction.execute(_ADD, values_of(event))
        return
    values = {**dict(zip(_COLUMNS, values_of(event), strict=True)), **numbers}
    if not transaction.execute(_ADD_LIMITED, values):
        transaction.execute(_COUNT, values)


class SqliteAudit(SqlitePart):
    """The audit log, in the order of instant and id."""

    async def add_audit_event(self, event: AuditEvent, *, limit: EventLimit | None = None) -> None:
        if limit is None:  # a single statement needs no transaction
            await self._db.write(_ADD, values_of(event))
            return
        await self._db.transact(lambda transaction: add_event(transaction, event, limit))

    async def audit_events(
        self, *, user_id: str = "", event: str = "", cursor: str = "", limit: int = 100
    ) -> Page[AuditEvent]:
        conditions, values = list[str](), list[Value]()
        for column, value in (("user_id", text(user_id)), ("event", text(event))):
            if value:
                conditions.append(f"{column} = ?")
                values.append(value)
        after = place_of_events(cursor)
        if after is not None:
            conditions.append("(at, id) < (?, ?)")
            values.extend(after)
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        rows = await self._all(
            AuditEvent,
            f"SELECT {column_list(_COLUMNS)} FROM audit_events {where}ORDER BY at DESC, id DESC LIMIT ?",  # noqa: S608
            [*values, max(0, number(limit)) + 1],
        )
        return page_of_events(rows, limit)
