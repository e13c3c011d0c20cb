"""What a login reads and writes in the SQLite store, each in one step."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from app.auth.models import Session, User
from app.auth.ports import Added, LoginCandidate, LoginRecord
from app.store.sqlite.audit import ADD_EVENT
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
from app.store.values import number, text, to_millis

_ADD_SESSION: Final = (
    f"INSERT INTO sessions ({column_list(SESSION_COLUMNS)}) SELECT {marks(SESSION_COLUMNS)}"  # noqa: S608
    " WHERE EXISTS (SELECT 1 FROM users WHERE id = ? AND is_active AND credentials_version = ?) RETURNING id"
)
_SEEN_AGAIN: Final = "UPDATE devices SET seen_at = ? WHERE user_id = ? AND key = ? RETURNING 1"
_NEW_DEVICE: Final = "INSERT INTO devices (seen_at, user_id, key) VALUES (?, ?, ?)"


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

    async def add_session(self, session: Session, *, record: LoginRecord | None = None) -> Added | None:
        values = [*values_of(session), text(session.user_id), number(session.credentials_version)]

        def work(transaction: Transaction) -> Added | None:
            if not transaction.execute(_ADD_SESSION, values):
                return None
            return Added() if record is None else _write(transaction, session, record)

        return await self._db.transact(work)


def _write(transaction: Transaction, session: Session, record: LoginRecord) -> Added:
    transaction.execute(ADD_EVENT, values_of(record.event))
    for statement, keys in ((forget_hits, record.wiped), (take_back_hits, record.taken_back)):
        if keys:
            transaction.execute(statement(len(keys)), list(map(text, keys)))
    device = [to_millis(session.created_at), text(session.user_id), text(record.device_key)]
    is_known = transaction.execute(_SEEN_AGAIN, device)
    if not is_known:
        transaction.execute(_NEW_DEVICE, device)
    return Added(is_new_device=not is_known)
