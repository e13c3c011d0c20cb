"""Upgrades: `duet check` reports a schema that is old, new or incomplete, and a start brings it forward."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.deploy.process import duet
from tests.kit.duet import SECRET
from tests.store.records import make_user, opened

Change = Callable[[str], Any]


def on_sqlite(*statements: str) -> Change:
    """Changes an SQLite file."""

    def change(url: str) -> None:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.executescript(";".join(statements))

    return change


def on_mongodb(work: Callable[[Any], Any]) -> Change:
    """Changes a MongoDB database."""

    def change(url: str) -> None:
        with MongoClient[Any](url) as client:
            work(client.get_default_database())

    return change


def looks(url: str) -> object:
    """The schema in a form in which a change of it shows."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return database.execute("PRAGMA user_version").fetchall(), sorted(
                database.execute("SELECT name FROM sqlite_master")
            )
    with MongoClient[Any](url) as client:
        there = client.get_default_database()
        indexes = {name: sorted(there[name].index_information()) for name in there.list_collection_names()}
        return there.locks.find_one({"_id": "schema"}), indexes


OLD: dict[str, Change] = {
    "sqlite": on_sqlite(
        "PRAGMA user_version = 2",
        "DROP TABLE signing_keys",
        "DROP TABLE instances",
        "ALTER TABLE users DROP COLUMN password_changed_at",
        "ALTER TABLE sessions DROP COLUMN scope",
        "ALTER TABLE users DROP COLUMN credentials_version",
        "ALTER TABLE sessions DROP COLUMN credentials_version",
        "ALTER TABLE sessions DROP COLUMN amr",
        "ALTER TABLE audit_events DROP COLUMN repeated",
    ),
    "mongodb": on_mongodb(lambda database: database.locks.delete_one({"_id": "schema"})),
}
NEW: dict[str, Change] = {
    "sqlite": on_sqlite("PRAGMA user_version = 99"),
    "mongodb": on_mongodb(
        lambda database: database.locks.update_one({"_id": "schema"}, {"$set": {"version": 99}})
    ),
}
NOT_WHOLE: dict[str, Change] = {
    "sqlite": on_sqlite("DROP INDEX sessions_of_user"),
    "mongodb": on_mongodb(lambda database: database.sessions.drop_index("last_used_of_user")),
}


def run(folder: Path, url: str, *arguments: str) -> Any:
    """Runs `duet` on that database."""
    return duet(folder, *arguments, DATABASE_URL=url, SECRET_KEY=SECRET)


@pytest.fixture
async def made(database_url: str) -> str:
    """A database with an account."""
    async with opened(database_url) as store:
        await store.add_user(make_user())
    return database_url


@pytest.mark.parametrize(
    ("changes", "told"),
    [(OLD, "its schema is old"), (NEW, "made by a newer Duet"), (NOT_WHOLE, "an index is missing")],
    ids=["old", "newer", "not whole"],
)
def test_check_tells_of_a_schema_and_leaves_it(
    made: str, tmp_path: Path, changes: dict[str, Change], told: str
) -> None:
    """The line says what mends the schema, and the database stays as it was."""
    changes[made.partition(":")[0]](made)
    before = looks(made)
    result = run(tmp_path, made, "check")
    [line] = [line for line in result.stdout.splitlines() if " database:" in line]
    assert (result.returncode, line[:4]) == (1, "FAIL")
    assert told in line
    assert looks(made) == before


def test_a_newer_schema_is_refused(made: str, tmp_path: Path) -> None:
    """One line says what to do, with exit code 2, and nothing is changed."""
    NEW[made.partition(":")[0]](made)
    before = looks(made)
    result = run(tmp_path, made, "serve", "--port", "1")
    assert result.returncode == 2
    assert "made by a newer Duet (schema 99" in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].endswith("please upgrade.")
    assert looks(made) == before


def test_processes_that_start_at_once_bring_it_forward_once(made: str, tmp_path: Path) -> None:
    """All of them find the schema complete, with the account in it."""
    whole = looks(made)
    OLD[made.partition(":")[0]](made)
    assert looks(made) != whole
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(tmp_path, made, "user", "list"), range(4)))
    assert [result.stdout.split("\t")[1] for result in results] == ["u1"] * 4
    assert looks(made) == whole
