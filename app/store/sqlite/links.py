"""The one-time links of the SQLite store."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from app.auth.models import Link
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.rows import column_list, columns_of, marks, record_from, values_of
from app.store.values import number, text, to_millis

_COLUMNS: Final = columns_of(Link)
LINKS: Final = f"SELECT {column_list(_COLUMNS)} FROM links"  # noqa: S608
_ADD: Final = f"INSERT INTO links ({column_list(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"  # noqa: S608
_TAKE: Final = f"DELETE FROM links WHERE id = ? AND expires_at > ? RETURNING {column_list(_COLUMNS)}"  # noqa: S608


class SqliteLinks(SqlitePart):
    """One-time links. Those that are kept have not been used yet."""

    async def add_link(self, link: Link) -> None:
        await self._db.write(_ADD, values_of(link))

    async def link(self, link_id: str, *, now: datetime) -> Link | None:
        return await self._one(Link, f"{LINKS} WHERE id = ? AND expires_at > ?", [text(link_id), to_millis(now)])

    async def take_link(self, link_id: str, *, now: datetime) -> Link | None:
        rows = await self._db.write(_TAKE, [text(link_id), to_millis(now)])
        return record_from(Link, rows[0]) if rows else None

    async def links_for(self, purpose: str, *, now: datetime, limit: int = 200) -> list[Link]:
        return await self._all(
            Link,
            f"{LINKS} WHERE purpose = ? AND expires_at > ? ORDER BY created_at DESC, id DESC LIMIT ?",
            [text(purpose), to_millis(now), max(0, number(limit))],
        )

    async def remove_links(self, user_id: str, purposes: Collection[str]) -> None:
        which = f"DELETE FROM links WHERE user_id = ? AND purpose IN ({marks(purposes)})"  # noqa: S608
        await self._db.write(which, [text(user_id), *map(text, purposes)])
