"""What is particular to the SQLite store: its file, its settings, its indexes and its transactions."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from app.auth.ports import Store
from app.store import open_store
from app.store.sqlite.schema import MIGRATIONS, VERSION
from app.store.sqlite.store import SqliteStore
from tests.store.everything import call_everything
from tests.store.records import DAY, NOW, add_sessions, make_session, make_user, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the database."""
    return tmp_path / "duet.db"


@pytest.fixture
def database_url(path: Path) -> str:
    """The URL of the database."""
    return f"sqlite:///{path}"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The SQL, with its values, of all statements that the test executes."""
    seen: dict[str, Any] = {}
    execute = aiosqlite.Connection.execute_fetchall

    def spy(self: aiosqlite.Connection, sql: str, parameters: Any = None) -> Any:
        seen[sql] = parameters
        return execute(self, sql, parameters)

    monkeypatch.setattr(aiosqlite.Connection, "execute_fetchall", spy)
    return seen


def plan(connection: sqlite3.Connection, sql: str, values: Any) -> list[str]:
    """SQLite's plan for a statement."""
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values or ())]


async def test_every_look_up_and_order_has_its_index(store: Store, path: Path, statements: dict[str, Any]) -> None:
    """No statement of any method reads or sorts a whole table that may be large."""
    await call_everything(store)
    few = ("FROM signing_keys", "FROM instances")  # a handful of rows that are always read as a whole
    judged = [sql for sql in statements if sql.startswith(("SELECT", "UPDATE", "DELETE"))]
    judged = [sql for sql in judged if not any(name in sql for name in few)]
    assert len(judged) > 55
    with closing(sqlite3.connect(path)) as connection:
        for sql in judged:
            for step in plan(connection, sql, statements[sql]):
                reads_all = step.startswith("SCAN") and "INDEX" not in step and step != "SCAN CONSTANT ROW"
                if sql != "SELECT 1 FROM users LIMIT 1":
                    assert not reads_all, (sql, step)
                assert "TEMP B-TREE" not in step, (sql, step)


async def test_a_search_reads_one_range_of_one_index(store: Store, path: Path, statements: dict[str, Any]) -> None:
    """The index alone tells where a page begins and who was shown before, so no user is read only to be left
    out."""
    await call_everything(store)
    paged = [sql for sql in statements if " FROM users WHERE " in sql and "ORDER BY" in sql and "LIMIT" in sql]
    judged = [sql for sql in paged if "ORDER BY rights_changed_at" not in sql]
    assert len(judged) == 12  # three phases, from the beginning and from the middle, with an end and without
    with closing(sqlite3.connect(path)) as connection:
        for sql in judged:
            order = sql.partition("ORDER BY ")[2].partition(" LIMIT")[0]
            in_index = f"SELECT {order} FROM {sql.partition(' FROM ')[2]}"
            [step] = plan(connection, in_index, statements[sql])
            begins = (
                f"(({order.replace(', ', ',')})>(?,?)"
                if f"({order}) > (?, ?)" in sql
                else f"({order.split(',')[0]}>?"
            )
            assert step.startswith("SEARCH users USING COVERING INDEX"), (sql, step)
            assert begins in step, (sql, step)


async def test_the_connections_are_set_up_to_lose_nothing(store: Store, path: Path) -> None:
    """They use a write-ahead log, a sync at each commit, foreign keys and bounded waits; the reader can't
    write."""
    assert isinstance(store, SqliteStore)
    writer, reader = store._db._writer, store._db._reader
    for connection in (writer, reader):
        assert connection is not None
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("busy_timeout", 2000),
        ):
            assert list(await connection.execute_fetchall(f"PRAGMA {pragma}")) == [(value,)]
    assert reader is not None
    with pytest.raises(sqlite3.OperationalError):
        await reader.execute("DELETE FROM users")


async def test_the_files_are_the_owners_alone(store: Store, path: Path) -> None:
    """The database and its log have mode 0600, whatever the umask allows."""
    before = os.umask(0)
    try:
        await store.close()
        path.unlink()
        await store.open()
        await store.add_user(make_user())
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"duet.db": 0o600, "duet.db-wal": 0o600, "duet.db-shm": 0o600}


def dump(path: Path) -> list[str]:
    """The schema and the version of the file."""
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()
        return [
            str(version),
            *(row[0] for row in connection.execute("SELECT sql FROM sqlite_master ORDER BY name")),
        ]


def use_migrations(patch: pytest.MonkeyPatch, migrations: tuple[tuple[str, ...], ...]) -> None:
    """Make the store use these migrations instead of its own."""
    patch.setattr("app.store.sqlite.migrations.MIGRATIONS", migrations)
    for module in ("migrations", "connection"):
        patch.setattr(f"app.store.sqlite.{module}.VERSION", len(migrations))


async def test_migrations_run_once_in_order_and_keep_the_data(
    database_url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of an older version gets what is missing, and a second start changes nothing."""
    async with opened(database_url) as store:
        await store.add_user(make_user())
    later = (*MIGRATIONS, ("CREATE TABLE extra (x)",), ("INSERT INTO extra VALUES (1)",))
    use_migrations(monkeypatch, later)
    for _ in range(2):
        async with opened(database_url) as store:
            assert await store.user_by_id("u1") == make_user()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM extra").fetchall() == [(1,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 2,)


async def test_a_failing_migration_changes_nothing(
    database_url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed migration leaves the file as it was, and the old version can still open it."""
    async with opened(database_url):
        pass
    before = dump(path)
    broken = (*MIGRATIONS, ("CREATE TABLE extra (x)", "CREATE TABLE users (x)"))
    with monkeypatch.context() as patch:
        use_migrations(patch, broken)
        refused = open_store(database_url)
        with pytest.raises(Exception, match="users already exists"):
            await refused.open()
        await refused.close()
    assert dump(path) == before
    async with opened(database_url) as store:
        await store.ping()


async def test_many_processes_may_make_the_same_file_at_once(database_url: str, path: Path) -> None:
    """Six processes that start together all open the file, and it has one schema."""
    script = (
        "import asyncio, sys; from app.store import open_store\n"
        "async def main():\n"
        "    store = open_store(sys.argv[1])\n"
        "    try:\n        await store.open(); await store.ping()\n"
        "    finally: await store.close()\n"
        "asyncio.run(main())"
    )
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, database_url) for _ in range(6)
    ]
    assert [await process.wait() for process in processes] == [0] * 6
    assert dump(path)[0] == f"({VERSION},)"


async def test_a_new_file_that_another_process_just_makes_is_waited_for(database_url: str, path: Path) -> None:
    """SQLite itself does not wait while it switches to the write-ahead log."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE x (y)")
        other.execute("BEGIN IMMEDIATE")
        store = open_store(database_url)
        opening = asyncio.ensure_future(store.open())
        await asyncio.sleep(0.1)
        assert not opening.done()
        other.execute("ROLLBACK")
        await opening
        await store.close()


def test_a_process_that_ends_without_closing_ends(database_url: str) -> None:
    """The connections' threads do not keep the process alive, and what was stored stays stored."""
    script = (
        "import asyncio, sys; from app.store import open_store\n"
        "async def main():\n"
        "    global store; store = open_store(sys.argv[1]); await store.open(); raise SystemExit(3)\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", script, database_url]
    assert subprocess.run(command, check=False, timeout=10).returncode == 3


async def test_a_failure_inside_a_transaction_undoes_it(store: Store, path: Path) -> None:
    """When the second of two statements fails, the first is undone too, and nothing stays locked."""
    await add_sessions(store, "s1")
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER no BEFORE DELETE ON users BEGIN SELECT raise(ABORT, 'no'); END")
        with pytest.raises(ValueError):
            await store.delete_user("u1", at=NOW)
        other.execute("DROP TRIGGER no")
        assert other.execute("SELECT revoked_at FROM sessions").fetchall() == [(None,)]
    assert await store.session_with_user("s1") == (make_session(), make_user())


async def test_a_transaction_cancelled_from_within_is_rolled_back(store: Store, path: Path) -> None:
    """Even a loop that cancels every task, as at its end, leaves no half transaction and no lock."""
    await add_sessions(store, "s1")
    for steps in range(12):
        asking = asyncio.ensure_future(store.delete_user("u1", at=NOW))
        for _ in range(steps):
            await asyncio.sleep(0.0001)
        for task in asyncio.all_tasks() - {asyncio.current_task(), asking}:
            if "call.<locals>" in repr(task) or "transact" in repr(task):
                task.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        with closing(sqlite3.connect(path, timeout=0.5)) as other:
            users = other.execute("SELECT count(*) FROM users").fetchone()[0]
            live = other.execute("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").fetchone()[0]
            assert users == live
            other.execute("BEGIN IMMEDIATE")
        if not users:
            await store.purge(now=NOW, sessions_before=NOW + DAY, audit_before=NOW)
            await add_sessions(store, "s1")


def test_a_relative_path_counts_from_where_the_store_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sqlite:///a.db` is a.db here, `sqlite:////a.db` is at the root, and a later chdir changes nothing."""
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///data/duet.db")
    assert isinstance(store, SqliteStore)
    assert store._db.path == tmp_path / "data" / "duet.db"
    absolute = open_store("sqlite:////data/a%20b?c#d.db")
    assert isinstance(absolute, SqliteStore)
    assert absolute._db.path == Path("/data/a%20b?c#d.db")


async def test_a_path_is_taken_literally(tmp_path: Path) -> None:
    """Characters that have a meaning in a URI are part of the file's name."""
    path = tmp_path / "a%20b?mode=memory#c d.db"
    async with opened(f"sqlite:///{path}") as store:
        await store.add_user(make_user())
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    "url",
    ["sqlite:///", "sqlite:///:memory:", "sqlite:///data/", "sqlite://data.db", "postgres://ada:hush@db/x", ""],
)
def test_other_urls_are_refused_without_quoting_them(url: str) -> None:
    """Another URL is a ValueError that shows no password."""
    with pytest.raises(ValueError) as caught:
        open_store(url)
    assert "hush" not in str(caught.value)


def test_sqlite_alone_never_imports_the_other_driver() -> None:
    """A deployment on SQLite needs neither Motor nor PyMongo."""
    script = (
        "import sys; from app.store import open_store; open_store('sqlite:///x.db');"
        "sys.exit(any(name in sys.modules for name in ('motor', 'pymongo', 'bson')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_only_appended_migrations() -> None:
    """The first migration must stay as it was released, because existing files have run it."""
    tables: Sequence[str] = MIGRATIONS[0]
    assert len(tables) == 9
    digest = hashlib.sha256("\n".join(tables).encode()).hexdigest()
    assert digest == "07fe037470068850cb8a41b4613a87d72aabe125c72ca00821dcc5ac2cb13661"


async def test_a_second_store_of_the_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """The log that the first one writes to stays when another process has closed the file."""
    path = tmp_path / "duet.db"
    async with opened(f"sqlite:///{path}") as one, opened(f"sqlite:///{path}"):
        await one.add_user(make_user())
        log = Path(f"{path}-wal").stat().st_ino
        code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM users'); c.close()"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(path))
        assert await process.wait() == 0
        assert Path(f"{path}-wal").stat().st_ino == log
