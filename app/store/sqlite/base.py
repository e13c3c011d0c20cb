"""What the parts of the SQLite store have in common: the connections, and reading records."""

from __future__ import annotations

from pathlib import Path

from app.store.sqlite.connection import Connections, Values
from app.store.sqlite.rows import RecordT, record_from


class SqlitePart:
    """A part of the store.

    Statements are built from the column names of our own dataclasses alone. Values are always parameters.
    """

    def __init__(self, path: Path) -> None:
        self._db = Connections(path)

    async def _all(self, kind: type[RecordT], sql: str, values: Values = ()) -> list[RecordT]:
        return [record_from(kind, row) for row in await self._db.read(sql, values)]

    async def _one(self, kind: type[RecordT], sql: str, values: Values = ()) -> RecordT | None:
        rows = await self._db.read(sql, values)
        return record_from(kind, rows[0]) if rows else None
