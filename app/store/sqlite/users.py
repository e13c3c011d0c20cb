"""Adds, finds and changes users in the SQLite store, except for their rights."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from app.auth.models import ADMIN, User
from app.auth.refusals import EmailTaken
from app.store.search import name_keys
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.rows import USER_COLUMNS, Value, column_list, marks, record_from, values_of
from app.store.values import text

#: All columns of a user, including the store's own.
_STORED: Final = (*USER_COLUMNS, "name_key", "last_name_key", "is_admin")
USERS: Final = f"SELECT {column_list(USER_COLUMNS)} FROM users"  # noqa: S608
ADD_USER: Final = (
    f"INSERT INTO users ({column_list(_STORED)}) VALUES ({marks(_STORED)})"  # noqa: S608
    " ON CONFLICT (email_key) DO NOTHING"
)
RETURNING_USER: Final = f"RETURNING {column_list(USER_COLUMNS)}"
_SET_NAME: Final = f"UPDATE users SET name = ?, name_key = ?, last_name_key = ? WHERE id = ? {RETURNING_USER}"  # noqa: S608
_SET_EMAIL: Final = (
    "UPDATE users SET email = ?, email_key = ?, is_email_verified = 1"  # noqa: S608
    f" WHERE id = ? AND email_key = ? {RETURNING_USER}"
)
_SET_VERIFIED: Final = f"UPDATE users SET is_email_verified = 1 WHERE id = ? AND email_key = ? {RETURNING_USER}"  # noqa: S608
#: How many parameters one statement takes at most.
_MARKS: Final = 500


class SqliteUsers(SqlitePart):
    """Accounts."""

    async def add_user(self, user: User) -> None:
        if not await self._db.write(f"{ADD_USER} RETURNING id", stored_user(user)):
            raise EmailTaken

    async def add_users(self, users: Sequence[User]) -> list[str]:
        rows = [stored_user(user) for user in users]

        def work(transaction: Transaction) -> list[str]:
            transaction.execute_many(ADD_USER, rows)
            stored: set[str] = set()
            for start in range(0, len(users), _MARKS):
                ids = [text(user.id) for user in users[start : start + _MARKS]]
                which = f"SELECT id FROM users WHERE id IN ({marks(ids)})"  # noqa: S608
                stored.update(row[0] for row in transaction.execute(which, ids))
            return [user.email_key for user in users if text(user.id) not in stored]

        return await self._db.transact(work)

    async def user_by_id(self, user_id: str) -> User | None:
        return await self._one(User, f"{USERS} WHERE id = ?", [text(user_id)])

    async def user_by_email(self, email_key: str) -> User | None:
        return await self._one(User, f"{USERS} WHERE email_key = ?", [text(email_key)])

    async def has_users(self) -> bool:
        return bool(await self._db.read("SELECT 1 FROM users LIMIT 1"))

    async def set_name(self, user_id: str, name: str) -> User | None:
        return await self._changed(_SET_NAME, [text(name), *_name_columns(name), text(user_id)])

    async def set_email(self, user_id: str, email: str, email_key: str, *, expected_key: str) -> User | None:
        values = [text(email), text(email_key), text(user_id), text(expected_key)]

        def work(transaction: Transaction) -> User | None:
            try:
                rows = transaction.execute(_SET_EMAIL, values)
            except sqlite3.IntegrityError:
                raise EmailTaken from None
            return record_from(User, rows[0]) if rows else None

        return await self._db.transact(work)

    async def set_email_verified(self, user_id: str, *, email_key: str) -> User | None:
        return await self._changed(_SET_VERIFIED, [text(user_id), text(email_key)])

    async def _changed(self, sql: str, values: Sequence[Value]) -> User | None:
        rows = await self._db.write(sql, values)
        return record_from(User, rows[0]) if rows else None


def _name_columns(name: str) -> list[str | None]:
    return [key or None for key in name_keys(name)]


def stored_user(user: User) -> list[Value]:
    """Returns the values of a user's columns, including the store's own."""
    return [*values_of(user), *_name_columns(user.name), int(ADMIN in user.roles)]
