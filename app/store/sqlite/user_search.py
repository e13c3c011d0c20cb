"""Searches users in the SQLite store: each step reads one range of an index, in that index's order."""

from __future__ import annotations

from typing import Final

from app.auth.models import Page, User
from app.store.search import Found, Phase, Search, page_of_users
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.rows import USER_COLUMNS, Value, column_list, record_from

#: The columns of each phase's index, in their order. The search compares the beginning of the first.
_ORDER: Final = {
    Phase.EMAIL: ("email_key",),
    Phase.NAME: ("name_key", "email_key"),
    Phase.LAST_NAME: ("last_name_key", "email_key"),
}


class SqliteUserSearch(SqlitePart):
    """Finds users, a page at a time."""

    async def find_users(self, query: str = "", *, cursor: str = "", limit: int = 100) -> Page[User]:
        return await page_of_users(self._step, query, cursor=cursor, limit=limit)

    async def _step(self, search: Search) -> Found:
        sql, values = statement(search)
        width = len(USER_COLUMNS)
        return [(record_from(User, row[:width]), row[width:]) for row in await self._db.read(sql, values)]


def statement(search: Search) -> tuple[str, list[Value]]:
    """Returns the SELECT of one step and its values. It selects the user's columns, then those of the order."""
    order = _ORDER[search.phase]
    # One lower bound, not two: SQLite uses the first that it meets. The comparison implies that the key is not
    # NULL, but SQLite only uses a partial index if the statement says so.
    conditions, values = [f"{order[0]} IS NOT NULL"], list[Value]()
    if search.after is None:
        conditions.append(f"{order[0]} >= ?")
        values.append(search.lower)
    else:
        conditions.append(f"({', '.join(order)}) > ({', '.join('?' for _ in order)})")
        values.extend(search.after)
    if search.upper is not None:
        conditions.append(f"{order[0]} < ?")
        values.append(search.upper)
    for phase in Phase:
        if phase < search.phase:
            condition, more = _shown_before(_ORDER[phase][0], search)
            conditions.append(condition)
            values.extend(more)
    sql = (
        f"SELECT {column_list((*USER_COLUMNS, *order))} FROM users WHERE {' AND '.join(conditions)}"  # noqa: S608
        f" ORDER BY {', '.join(order)} LIMIT ?"
    )
    return sql, [*values, search.limit]


def _shown_before(column: str, search: Search) -> tuple[str, list[Value]]:
    """Leaves out users whom an earlier phase found. The plus keeps SQLite from using that phase's index."""
    if search.upper is None:
        return f"NOT ifnull(+{column} >= ?, 0)", [search.lower]
    return f"NOT ifnull(+{column} >= ? AND +{column} < ?, 0)", [search.lower, search.upper]
