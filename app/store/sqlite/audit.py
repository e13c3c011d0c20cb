"""The audit log of the SQLite store."""

from __future__ import annotations

from typing import Final

from app.auth.models import AuditEvent, Page
from app.store.cursors import page_of_events, place_of_events
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.rows import Value, column_list, columns_of, marks, values_of
from app.store.values import number, text

_COLUMNS: Final = columns_of(AuditEvent)
ADD_EVENT: Final = f"INSERT INTO audit_events ({column_list(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"  # noqa: S608


class SqliteAudit(SqlitePart):
    """The audit log, in the order of instant and id."""

    async def add_audit_event(self, event: AuditEvent) -> None:
        await self._db.write(ADD_EVENT, values_of(event))

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
