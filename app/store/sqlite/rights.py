"""Changes of rights and removals of users in the SQLite store, which always leave an active admin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.auth.errors import AccountDeleted, LastAdmin
from app.auth.models import ADMIN, RightsChange, User
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.rows import list_column, record_from
from app.store.sqlite.users import RETURNING_USER
from app.store.values import from_millis, number, text, to_millis

# This is part of the statement that changes the row, so the second of two sees what the first one did.
_ANOTHER_ADMIN: Final = (
    "EXISTS (SELECT 1 FROM users AS other WHERE other.is_admin AND other.is_active AND other.id <> users.id)"
)
_SET_RIGHTS: Final = (
    "UPDATE users SET roles = coalesce(:roles, roles), is_admin = coalesce(:is_admin, is_admin),"  # noqa: S608
    " is_active = coalesce(:is_active, is_active), rights_version = rights_version + 1, rights_changed_at = :at"
    " WHERE id = :id AND (NOT (is_admin AND is_active)"
    " OR (coalesce(:is_admin, is_admin) AND coalesce(:is_active, is_active))"
    f" OR {_ANOTHER_ADMIN}) {RETURNING_USER}"
)
_DELETE: Final = (
    f"DELETE FROM users WHERE id = ? AND (NOT (is_admin AND is_active) OR {_ANOTHER_ADMIN}) RETURNING id"  # noqa: S608
)
# The right-hand sides see the row as it was, so an earlier reason stays.
_END_SESSIONS: Final = (
    "UPDATE sessions SET ip = '', user_agent = '', revoked_at = coalesce(revoked_at, ?),"
    " revoked_reason = CASE WHEN revoked_at IS NULL THEN ? ELSE revoked_reason END WHERE user_id = ?"
)
_FORGET: Final = (
    "DELETE FROM links WHERE user_id = ?",
    "DELETE FROM letters WHERE user_id = ?",
    "DELETE FROM personal_tokens WHERE user_id = ?",
    "DELETE FROM devices WHERE user_id = ?",
    "UPDATE audit_events SET ip = '', user_agent = '' WHERE user_id = ?",
    # The second condition is there for the partial index.
    "UPDATE audit_events SET ip = '', user_agent = '' WHERE actor_id = ? AND actor_id <> ''",
)


class SqliteRights(SqlitePart):
    """The rights of users, and the removal of users."""

    async def has_admin(self) -> bool:
        return bool(await self._db.read("SELECT 1 FROM users WHERE is_admin AND is_active LIMIT 1"))

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        values = {
            "id": text(user_id),
            "roles": None if roles is None else list_column(roles),
            "is_admin": None if roles is None else int(ADMIN in roles),
            "is_active": None if is_active is None else int(is_active),
            "at": to_millis(at),
        }

        def work(transaction: Transaction) -> User | None:
            rows = transaction.execute(_SET_RIGHTS, values)
            if not rows:
                _refuse_if_there(transaction, user_id)
                return None
            return record_from(User, rows[0])

        return await self._db.transact(work)

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        this = text(user_id)
        end = [to_millis(at), AccountDeleted.code, this]

        def work(transaction: Transaction) -> bool:
            if not transaction.execute(_DELETE, [this]):
                _refuse_if_there(transaction, this)
                return False
            transaction.execute(_END_SESSIONS, end)
            for sql in _FORGET:
                transaction.execute(sql, [this])
            return True

        return await self._db.transact(work)

    async def rights_changed_since(self, at: datetime, *, limit: int = 1000) -> list[RightsChange]:
        rows = await self._db.read(
            "SELECT id, rights_version, rights_changed_at FROM users WHERE rights_changed_at >= ?"
            " ORDER BY rights_changed_at LIMIT ?",
            [to_millis(at), number(limit)],
        )
        return [RightsChange(row[0], row[1], from_millis(row[2])) for row in rows]


def _refuse_if_there(transaction: Transaction, user_id: str) -> None:
    """Raises `LastAdmin` if the user that a statement did not change exists: then it is the last admin."""
    if transaction.execute("SELECT 1 FROM users WHERE id = ?", [text(user_id)]):
        raise LastAdmin
