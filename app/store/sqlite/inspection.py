"""Reads the schema of a SQLite file without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from app.auth.errors import StoreUnavailable
from app.store.records import Schema
from app.store.sqlite.migrations import FUNCTIONS
from app.store.sqlite.schema import MIGRATIONS, VERSION


def inspect_file(path: Path) -> Schema:
    """Returns the state of the schema in the file. Raises `StoreUnavailable` if the file can't be read."""
    if not path.exists():
        return Schema(None, VERSION)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as database:
            [[version]] = database.execute("PRAGMA user_version").fetchall()
            there = _indexes(database)
    except sqlite3.Error as error:
        raise StoreUnavailable() from error
    if version == 0:
        return Schema(None, VERSION)
    if version != VERSION:
        return Schema(version, VERSION)
    missing = {name: sql for name, sql in _expected().items() if name not in there}
    remedies = (
        f"{name}, which the sqlite3 program creates: {' '.join(sql.split())}" for name, sql in missing.items()
    )
    return Schema(version, VERSION, tuple(remedies))


def _expected() -> dict[str, str]:
    """Returns the indexes of a new file, with the SQL that creates them."""
    with closing(sqlite3.connect(":memory:")) as database:
        for name, function in FUNCTIONS.items():
            database.create_function(name, 1, function, deterministic=True)
        for statements in MIGRATIONS:
            for sql in statements:
                database.execute(sql)
        return _indexes(database)


def _indexes(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
