"""The mails that wait in the SQLite store to be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.auth.models import Letter
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.rows import column_list, columns_of, marks, record_from, values_of
from app.store.values import text, to_millis

_COLUMNS: Final = columns_of(Letter)
ADD_LETTER: Final = f"INSERT INTO letters ({column_list(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"  # noqa: S608
_CLAIM: Final = (
    "UPDATE letters SET due_at = ?, attempts = attempts + 1"  # noqa: S608
    " WHERE rowid = (SELECT rowid FROM letters WHERE due_at <= ? ORDER BY due_at LIMIT 1)"
    f" RETURNING {column_list(_COLUMNS)}"
)


class SqliteLetters(SqlitePart):
    """A queue in the order of `due_at`."""

    async def add_letter(self, letter: Letter) -> None:
        await self._db.write(ADD_LETTER, values_of(letter))

    async def claim_letter(self, *, now: datetime, until: datetime) -> Letter | None:
        rows = await self._db.write(_CLAIM, [to_millis(until), to_millis(now)])
        return record_from(Letter, rows[0]) if rows else None

    async def put_letter_off(self, letter_id: str, *, due_at: datetime) -> None:
        await self._db.write("UPDATE letters SET due_at = ? WHERE id = ?", [to_millis(due_at), text(letter_id)])

    async def remove_letter(self, letter_id: str) -> None:
        await self._db.write("DELETE FROM letters WHERE id = ?", [text(letter_id)])
