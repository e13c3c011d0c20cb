"""The embedded store: users, sessions and the audit log in one SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from app.auth.errors import AccountDeleted
from app.auth.models import AuditEvent, Revocation, RightsChange, Session, User
from app.auth.refusals import EmailTaken
from app.store.sqlite_connection import Connections
from app.store.sqlite_rows import (
    AUDIT_COLUMNS,
    SESSION_COLUMNS,
    USER_COLUMNS,
    audit_event_from,
    column_list,
    marks,
    roles_column,
    session_from,
    user_from,
    values_of,
)
from app.store.values import from_millis, number, text, to_millis

# Statements are put together from the column names of our own dataclasses; values only ever are parameters.
_USERS: Final = f"SELECT {column_list(USER_COLUMNS)} FROM users"  # noqa: S608
_SESSIONS: Final = f"SELECT {column_list(SESSION_COLUMNS)} FROM sessions"  # noqa: S608
_AUDIT: Final = f"SELECT {column_list(AUDIT_COLUMNS)} FROM audit_events"  # noqa: S608
_ADD_USER: Final = (
    f"INSERT INTO users ({column_list(USER_COLUMNS)}) VALUES ({marks(USER_COLUMNS)})"  # noqa: S608
    " ON CONFLICT (email_key) DO NOTHING RETURNING id"
)
_ADD_SESSION: Final = (
    f"INSERT INTO sessions ({column_list(SESSION_COLUMNS)}) SELECT {marks(SESSION_COLUMNS)}"  # noqa: S608
    " WHERE EXISTS (SELECT 1 FROM users WHERE id = ? AND is_active AND password_hash = ?) RETURNING id"
)
_ADD_AUDIT: Final = f"INSERT INTO audit_events ({column_list(AUDIT_COLUMNS)}) VALUES ({marks(AUDIT_COLUMNS)})"  # noqa: S608
_SESSION_WITH_USER: Final = (
    f"SELECT {column_list(SESSION_COLUMNS, 'sessions')}, {column_list(USER_COLUMNS, 'users')}"  # noqa: S608
    " FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?"
)
# The right-hand sides see the row as it was: an earlier reason stays.
_END_SESSIONS: Final = (
    "UPDATE sessions SET ip = '', user_agent = '', revoked_at = coalesce(revoked_at, ?),"
    " revoked_reason = CASE WHEN revoked_at IS NULL THEN ? ELSE revoked_reason END WHERE user_id = ?"
)
_PURGE_SESSIONS: Final = (
    "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions"
    " WHERE revoked_at < ? OR min(idle_expires_at, expires_at) < ? LIMIT ?) RETURNING 1"
)
_PURGE_AUDIT: Final = (
    "DELETE FROM audit_events WHERE seq IN (SELECT seq FROM audit_events WHERE at < ? LIMIT ?) RETURNING 1"
)
#: Takes the id, then the instant twice.
_IF_LIVE: Final = "WHERE id = ? AND revoked_at IS NULL AND expires_at > ? AND idle_expires_at > ?"

#: Rows that one statement of `purge` removes, so that nobody waits long for the writer.
PURGE_BATCH: Final = 500
#: How long one `purge` goes on, in seconds.
PURGE_TIME: Final = 2.0


class SqliteStore:
    """`app.auth.ports.Store` on a SQLite file, which other processes of this machine may share."""

    def __init__(self, path: Path) -> None:
        self._db = Connections(path)

    async def open(self) -> None:
        await self._db.open()

    async def close(self) -> None:
        await self._db.close()

    async def ping(self) -> None:
        await self._db.read("SELECT 1 FROM users LIMIT 1")

    # users

    async def add_user(self, user: User) -> None:
        if not await self._db.write(_ADD_USER, values_of(user)):
            raise EmailTaken

    async def user_by_id(self, user_id: str) -> User | None:
        rows = await self._db.read(f"{_USERS} WHERE id = ?", [text(user_id)])
        return user_from(rows[0]) if rows else None

    async def user_by_email(self, email_key: str) -> User | None:
        rows = await self._db.read(f"{_USERS} WHERE email_key = ?", [text(email_key)])
        return user_from(rows[0]) if rows else None

    async def list_users(self, *, after: str = "", limit: int = 100) -> list[User]:
        rows = await self._db.read(
            f"{_USERS} WHERE email_key > ? ORDER BY email_key LIMIT ?", [text(after), max(0, number(limit))]
        )
        return [user_from(row) for row in rows]

    async def set_name(self, user_id: str, name: str) -> User | None:
        rows = await self._db.write(
            f"UPDATE users SET name = ? WHERE id = ? RETURNING {column_list(USER_COLUMNS)}",  # noqa: S608
            [text(name), text(user_id)],
        )
        return user_from(rows[0]) if rows else None

    async def set_password_hash(self, user_id: str, password_hash: str, *, expected: str) -> bool:
        rows = await self._db.write(
            "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ? RETURNING id",
            [text(password_hash), text(user_id), text(expected)],
        )
        return bool(rows)

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        rows = await self._db.write(
            "UPDATE users SET roles = coalesce(?, roles), is_active = coalesce(?, is_active),"  # noqa: S608
            " rights_version = rights_version + 1, rights_changed_at = ?"
            f" WHERE id = ? RETURNING {column_list(USER_COLUMNS)}",
            [
                None if roles is None else roles_column(roles),
                None if is_active is None else int(is_active),
                to_millis(at),
                text(user_id),
            ],
        )
        return user_from(rows[0]) if rows else None

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        _, deleted = await self._db.write_all(
            (_END_SESSIONS, [to_millis(at), AccountDeleted.code, text(user_id)]),
            ("DELETE FROM users WHERE id = ? RETURNING id", [text(user_id)]),
        )
        return bool(deleted)

    # sessions

    async def add_session(self, session: Session, *, password_hash: str) -> bool:
        condition = [text(session.user_id), text(password_hash)]
        return bool(await self._db.write(_ADD_SESSION, [*values_of(session), *condition]))

    async def session_with_user(self, session_id: str) -> tuple[Session, User] | None:
        rows = await self._db.read(_SESSION_WITH_USER, [text(session_id)])
        if not rows:
            return None
        width = len(SESSION_COLUMNS)
        return session_from(rows[0][:width]), user_from(rows[0][width:])

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        instant = to_millis(now)
        rows = await self._db.write(
            f"UPDATE sessions SET last_used_at = ?, idle_expires_at = ? {_IF_LIVE} RETURNING id",  # noqa: S608
            [instant, to_millis(idle_expires_at), text(session_id), instant, instant],
        )
        return bool(rows)

    async def rotate_session(
        self, session_id: str, *, generation: int, now: datetime, idle_expires_at: datetime
    ) -> bool:
        instant = to_millis(now)
        rows = await self._db.write(
            "UPDATE sessions SET generation = generation + 1, rotated_at = ?, last_used_at = ?,"  # noqa: S608
            f" idle_expires_at = ? {_IF_LIVE} AND generation = ? RETURNING id",
            [instant, instant, to_millis(idle_expires_at), text(session_id), instant, instant, number(generation)],
        )
        return bool(rows)

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

    async def sessions_of(self, user_id: str, *, now: datetime) -> list[Session]:
        instant = to_millis(now)
        rows = await self._db.read(
            f"{_SESSIONS} WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ? AND idle_expires_at > ?"
            " ORDER BY last_used_at DESC",
            [text(user_id), instant, instant],
        )
        return [session_from(row) for row in rows]

    # what other processes did

    async def revoked_since(self, at: datetime) -> list[Revocation]:
        rows = await self._db.read(
            "SELECT id, revoked_at, revoked_reason FROM sessions WHERE revoked_at >= ? ORDER BY revoked_at",
            [to_millis(at)],
        )
        return [Revocation(row[0], from_millis(row[1]), row[2]) for row in rows]

    async def rights_changed_since(self, at: datetime) -> list[RightsChange]:
        rows = await self._db.read(
            "SELECT id, rights_version, rights_changed_at FROM users WHERE rights_changed_at >= ?"
            " ORDER BY rights_changed_at",
            [to_millis(at)],
        )
        return [RightsChange(row[0], row[1], from_millis(row[2])) for row in rows]

    # audit and upkeep

    async def add_audit_event(self, event: AuditEvent) -> None:
        await self._db.write(_ADD_AUDIT, values_of(event))

    async def audit_events(self, *, user_id: str | None = None, limit: int = 100) -> list[AuditEvent]:
        where, values = ("", []) if user_id is None else (" WHERE user_id = ?", [text(user_id)])
        rows = await self._db.read(
            f"{_AUDIT}{where} ORDER BY at DESC, seq DESC LIMIT ?", [*values, max(0, number(limit))]
        )
        return [audit_event_from(row) for row in rows]

    async def purge(self, *, sessions_before: datetime, audit_before: datetime) -> int:
        old = to_millis(sessions_before)
        return await self._purge(
            (_PURGE_SESSIONS, [old, old, PURGE_BATCH]),
            (_PURGE_AUDIT, [to_millis(audit_before), PURGE_BATCH]),
        )

    async def _purge(self, *statements: tuple[str, list[int]]) -> int:
        clock = asyncio.get_running_loop().time
        deadline, gone = clock() + PURGE_TIME, 0
        for sql, values in statements:
            batch = PURGE_BATCH
            while batch == PURGE_BATCH and clock() < deadline:
                batch = len(await self._db.write(sql, values))
                gone += batch
        return gone
