"""A SQLite file as a whole: read in one transaction, replaced in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app.auth.models import AuditEvent, Letter, Link, PersonalToken, Session, SigningKey, User
from app.store.records import Device, Kept
from app.store.sqlite.rows import column_list, columns_of, marks, record_from, values_of
from app.store.sqlite.users import ADD_USER, stored_user
from app.store.values import from_millis, text, to_millis

_TABLES: Final[dict[Any, str]] = {
    User: "users",
    Session: "sessions",
    PersonalToken: "personal_tokens",
    Link: "links",
    Letter: "letters",
    SigningKey: "signing_keys",
    AuditEvent: "audit_events",
}
#: Events are read in the order in which they were written, which the audit log's `seq` keeps.
_ORDER: Final = {AuditEvent: " ORDER BY seq"}
#: What does not last: a dump leaves it out, and a replacement removes it.
_MOMENTARY: Final = ("hits", "instances")
_BATCH: Final = 500


class SqliteDump:
    """The `app.store.records.Dump` of a file whose schema is up to date.

    Args:
        path: the file's.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    @cached_property
    def _db(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"{self._path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=10)
        database.execute("PRAGMA synchronous = FULL")
        return database

    def is_cut_off(self) -> bool:
        return False  # a transaction is done completely or not at all

    def read(self) -> Iterator[Kept]:
        self._db.execute("BEGIN")  # from the first SELECT on, it sees one state, even if others write
        try:
            for kind, table in _TABLES.items():
                sql = f"SELECT {column_list(columns_of(kind))} FROM {table}{_ORDER.get(kind, '')}"  # noqa: S608
                for row in self._db.execute(sql):
                    yield record_from(kind, row)
            for user_id, key, seen_at in self._db.execute("SELECT user_id, key, seen_at FROM devices"):
                yield Device(user_id, key, from_millis(seen_at))
        finally:
            self._db.execute("COMMIT")

    def is_empty(self) -> bool:
        [[count]] = self._db.execute("SELECT EXISTS (SELECT 1 FROM users)").fetchall()
        return not count

    def replace(self, records: Iterable[Kept]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for table in (*_TABLES.values(), "devices", *_MOMENTARY):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608
            for sql, rows in _batches(records):
                self._db.executemany(sql, rows)
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        if "_db" in self.__dict__:
            self._db.close()


def _batches(records: Iterable[Kept]) -> Iterator[tuple[str, list[list[Any]]]]:
    """Yields statements, each with the rows of many records, in their order."""
    iterator = iter(map(_insertion, records))
    while batch := list(islice(iterator, _BATCH)):
        for sql in dict.fromkeys(sql for sql, _ in batch):
            yield sql, [values for other, values in batch if other == sql]


def _insertion(record: Kept) -> tuple[str, list[Any]]:
    if isinstance(record, User):
        return ADD_USER, list(stored_user(record))
    if isinstance(record, Device):
        values = [text(record.user_id), text(record.key), to_millis(record.seen_at)]
        return "INSERT INTO devices (user_id, key, seen_at) VALUES (?, ?, ?)", values
    columns = columns_of(type(record))
    table = _TABLES[type(record)]
    return f"INSERT INTO {table} ({column_list(columns)}) VALUES ({marks(columns)})", list(values_of(record))  # noqa: S608
