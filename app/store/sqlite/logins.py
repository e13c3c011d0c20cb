"""What a login reads and writes in the SQLite store, each in one step."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from app.auth.errors import SessionDisplaced
from app.auth.models import MAX_SESSIONS, Session, User
from app.auth.ports import Added, LoginCandidate, LoginRecord
from app.store.sqlite.audit import add_event
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.hits import forget_hits, take_back_hits
from app.store.sqlite.rows import (
    SESSION_COLUMNS,
    USER_COLUMNS,
    column_list,
    marks,
    record_from,
    values_of,
)
from app.store.sqlite.sessions import LIVE_OF_USER
from app.store.values import number, text, to_millis

#: Returns how many others the user had that nobody has ended, but no higher number than the last parameter.
_ADD_SESSION: Final = (
    f"INSERT INTO sessions ({column_list(SESSION_COLUMNS)}) SELECT {marks(SESSION_COLUMNS)}"  # noqa: S608
    " WHERE EXISTS (SELECT 1 FROM users WHERE id = ? AND is_active AND credentials_version = ?) RETURNING"
    " (SELECT count(*) FROM"
    " (SELECT 1 FROM sessions AS other WHERE user_id = ? AND revoked_at IS NULL AND id <> ? LIMIT ?))"
)
_DISPLACE: Final = (
    "UPDATE sessions SET revoked_at = :now, revoked_reason = :reason WHERE id IN"  # noqa: S608
    f" (SELECT id FROM sessions WHERE {LIVE_OF_USER} AND id <> :id"
    " ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET :others) RETURNING id"
)
_SEEN_AGAIN: Final = "UPDATE devices SET seen_at = ? WHERE user_id = ? AND key = ? RETURNING 1"
#: Returns how many others the account knows, but no higher number than the last parameter.
_NEW_DEVICE: Final = (
    "INSERT INTO devices (seen_at, user_id, key) VALUES (?, ?, ?)"
    " RETURNING (SELECT count(*) FROM (SELECT 1 FROM devices WHERE user_id = ? AND key <> ? LIMIT ?))"
)
_FORGET_DEVICES: Final = (
    "DELETE FROM devices WHERE user_id = ?1 AND key IN"
    " (SELECT key FROM devices WHERE user_id = ?1 AND key <> ?2 ORDER BY seen_at DESC LIMIT -1 OFFSET ?3)"
)


class SqliteLogins(SqlitePart):
    """A login takes one SELECT before its password is hashed, and one transaction after that."""

    async def user_to_log_in(self, email_key: str, *, devices: Collection[str]) -> LoginCandidate | None:
        rows = await self._db.read(
            f"SELECT {column_list(USER_COLUMNS, 'users')},"  # noqa: S608
            " EXISTS (SELECT 1 FROM devices WHERE user_id = users.id), known.key FROM users"
            f" LEFT JOIN devices AS known ON known.user_id = users.id AND known.key IN ({marks(devices)})"
            " WHERE users.email_key = ?",
            [*map(text, devices), text(email_key)],
        )
        if not rows:
            return None
        known = frozenset(row[-1] for row in rows if row[-1] is not None)
        return LoginCandidate(record_from(User, rows[0][:-2]), bool(rows[0][-2]), known)

    async def add_session(
        self, session: Session, *, record: LoginRecord | None = None, most: int = MAX_SESSIONS
    ) -> Added | None:
        others = max(0, number(most) - 1)
        values = [*values_of(session), text(session.user_id), number(session.credentials_version)]
        values += [text(session.user_id), text(session.id), others + 1]

        def work(transaction: Transaction) -> Added | None:
            added = transaction.execute(_ADD_SESSION, values)
            if not added:
                return None
            displaced = _displace(transaction, session, others) if added[0][0] > others else ()
            is_new_device = record is not None and _write(transaction, session, record)
            return Added(is_new_device, displaced)

        return await self._db.transact(work)


def _displace(transaction: Transaction, session: Session, others: int) -> tuple[str, ...]:
    """Ends all live sessions of the user but this one and as many `others`. Returns the ids of the ended ones."""
    values = {
        "user": text(session.user_id),
        "now": to_millis(session.created_at),
        "reason": SessionDisplaced.code,
        "id": text(session.id),
        "others": others,
    }
    return tuple(row[0] for row in transaction.execute(_DISPLACE, values))


def _write(transaction: Transaction, session: Session, record: LoginRecord) -> bool:
    """Writes what goes with a login. Returns whether the device is new."""
    add_event(transaction, record.event, record.limit)
    for statement, keys in ((forget_hits, record.wiped), (take_back_hits, record.taken_back)):
        if keys:
            transaction.execute(statement(len(keys)), list(map(text, keys)))
    device = [to_millis(session.created_at), text(session.user_id), text(record.device_key)]
    is_known = transaction.execute(_SEEN_AGAIN, device)
    if not is_known:
        _, *this = device
        others = max(0, number(record.devices) - 1)
        if transaction.execute(_NEW_DEVICE, [*device, *this, others + 1])[0][0] > others:
            transaction.execute(_FORGET_DEVICES, [*this, others])
    return not is_known
