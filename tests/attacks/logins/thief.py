"""Somebody who has the database: what it holds, and what it would hold at another time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from bson import BSON
from pymongo import MongoClient

from tests.kit.duet import Running

#: Milliseconds since the epoch, as SQLite keeps instants.
INSTANTS = ("created_at", "auth_time", "last_used_at", "idle_expires_at", "expires_at", "rotated_at")


def _path(duet: Running) -> str:
    return duet.settings.database.removeprefix("sqlite:///")


def shift(duet: Running, session_id: str, *columns: str, seconds: float) -> None:
    """Moves instants of a session in SQLite: later by that many seconds, or earlier if they are negative."""
    assert set(columns) <= set(INSTANTS)
    changes = ", ".join(f"{column} = {column} + :by" for column in columns)
    with closing(sqlite3.connect(_path(duet), timeout=10)) as database, database:
        given = {"by": int(seconds * 1000), "id": session_id}
        assert database.execute(f"UPDATE sessions SET {changes} WHERE id = :id", given).rowcount == 1


def row(duet: Running, session_id: str) -> dict[str, Any]:
    """What SQLite keeps about a session."""
    with closing(sqlite3.connect(_path(duet), timeout=10)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("SELECT * FROM sessions WHERE id = ?", [session_id]).fetchone())


def stolen_values(duet: Running) -> tuple[bytes, set[str]]:
    """All the bytes of the database, and every text in it, on either store."""
    url = duet.settings.database
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(_path(duet), timeout=10)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = [row for table in tables for row in database.execute(f'SELECT * FROM "{table}"')]
        stored = b"".join(path.read_bytes() for path in duet.settings.data_dir.glob("duet.db*"))
        return stored, set(_texts(rows))
    with MongoClient[dict[str, Any]](url) as client:
        known = client.get_default_database()
        documents = [document for name in known.list_collection_names() for document in known[name].find()]
    return b"".join(BSON.encode(document) for document in documents), set(_texts(documents))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
