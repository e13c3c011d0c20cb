"""The sessions of the SQLite store."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.auth.models import SESSIONS_PAGE, Revocation, Session, SessionOfUser, User
from app.auth.ports import Judge, Judged, Rotation
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Rows, Transaction
from app.store.sqlite.rows import SESSION_COLUMNS, USER_COLUMNS, Value, column_list, record_from
from app.store.values import from_millis, number, text, to_millis

_SESSIONS: Final = f"SELECT {column_list(SESSION_COLUMNS)} FROM sessions"  # noqa: S608
_SESSION_WITH_USER: Final = (
    f"SELECT {column_list(SESSION_COLUMNS, 'sessions')}, {column_list(USER_COLUMNS, 'users')}"  # noqa: S608
    " FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?"
)
#: Its parameters are the id, then the instant twice.
_IF_LIVE: Final = "WHERE id = ? AND revoked_at IS NULL AND expires_at > ? AND idle_expires_at > ?"
#: The condition on a user's live sessions.
LIVE_OF_USER: Final = "user_id = :user AND revoked_at IS NULL AND expires_at > :now AND idle_expires_at > :now"
_LISTED_FIRST: Final = f"{_SESSIONS} WHERE {LIVE_OF_USER} ORDER BY last_used_at DESC, id DESC LIMIT :limit"
_LISTED: Final = (
    f"{_SESSIONS} WHERE {LIVE_OF_USER} AND (last_used_at, id) <"  # noqa: S608
    " (SELECT last_used_at, id FROM sessions WHERE id = :after AND user_id = :user)"
    " ORDER BY last_used_at DESC, id DESC LIMIT :limit"
)
_ROTATE: Final = (
    "UPDATE sessions SET generation = generation + 1, rotated_at = ?, last_used_at = ?, idle_expires_at = ?"  # noqa: S608
    f" {_IF_LIVE} AND generation = ? RETURNING id"
)


class SqliteSessions(SqlitePart):
    """Sessions. Each change of one is a single conditional statement."""

    async def session_with_user(self, session_id: str) -> SessionOfUser | None:
        return _with_user(await self._db.read(_SESSION_WITH_USER, [text(session_id)]))

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        instant = to_millis(now)
        rows = await self._db.write(
            f"UPDATE sessions SET last_used_at = ?, idle_expires_at = ? {_IF_LIVE} RETURNING id",  # noqa: S608
            [instant, to_millis(idle_expires_at), text(session_id), instant, instant],
        )
        return bool(rows)

    async def judge_session(self, session_id: str, judge: Judge) -> Judged | None:
        def work(transaction: Transaction) -> Judged | None:
            found = _with_user(transaction.execute(_SESSION_WITH_USER, [text(session_id)]))
            if found is None:
                return None
            rotation = judge(found)
            is_rotated = rotation is not None and transaction.execute(_ROTATE, _values_of(session_id, rotation))
            return Judged(found, bool(is_rotated))

        return await self._db.transact(work)

    async def set_auth_time(self, session_id: str, *, now: datetime) -> bool:
        instant = to_millis(now)
        rows = await self._db.write(
            f"UPDATE sessions SET auth_time = ? {_IF_LIVE} RETURNING id",  # noqa: S608
            [instant, text(session_id), instant, instant],
        )
        return bool(rows)

    async def revoke_session(self, session_id: str, *, at: datetime, reason: str) -> bool:
        rows = await self._db.write(
            "UPDATE sessions SET revoked_at = ?, revoked_reason = ?"
            " WHERE id = ? AND revoked_at IS NULL RETURNING id",
            [to_millis(at), text(reason), text(session_id)],
        )
        return bool(rows)

    async def revoke_user_sessions(
        self, user_id: str, *, at: datetime, reason: str, keep: str | None = None
    ) -> list[str]:
        rows = await self._db.write(
            "UPDATE sessions SET revoked_at = ?, revoked_reason = ?"
            " WHERE user_id = ? AND revoked_at IS NULL AND id IS NOT ? RETURNING id",
            [to_millis(at), text(reason), text(user_id), None if keep is None else text(keep)],
        )
        return [row[0] for row in rows]

    async def sessions_of(
        self, user_id: str, *, now: datetime, after: str = "", limit: int = SESSIONS_PAGE
    ) -> list[Session]:
        values = {
            "user": text(user_id),
            "now": to_millis(now),
            "after": text(after),
            "limit": max(0, number(limit)),
        }
        return await self._all(Session, _LISTED if after else _LISTED_FIRST, values)

    async def revoked_since(self, at: datetime, *, limit: int = 1000) -> list[Revocation]:
        rows = await self._db.read(
            "SELECT id, revoked_at, revoked_reason FROM sessions WHERE revoked_at >= ?"
            " ORDER BY revoked_at LIMIT ?",
            [to_millis(at), number(limit)],
        )
        return [Revocation(row[0], from_millis(row[1]), row[2]) for row in rows]


def _with_user(rows: Rows) -> SessionOfUser | None:
    if not rows:
        return None
    width = len(SESSION_COLUMNS)
    return SessionOfUser(record_from(Session, rows[0][:width]), record_from(User, rows[0][width:]))


def _values_of(session_id: str, rotation: Rotation) -> list[Value]:
    instant = to_millis(rotation.now)
    idle_expires_at = to_millis(rotation.idle_expires_at)
    return [instant, instant, idle_expires_at, text(session_id), instant, instant, number(rotation.generation)]
