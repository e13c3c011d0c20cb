"""What the SQLite store does when its file can't be used: locked, missing, damaged, full or not writable."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.auth.errors import StoreUnavailable
from app.auth.ports import Store
from app.store import open_store
from app.store.breaker import StoreUnusable
from app.store.sqlite.schema import VERSION
from app.store.sqlite.store import SqliteStore
from tests.store.records import (
    AT_ONCE,
    IN_TIME,
    SOON,
    all_found,
    make_event,
    make_user,
    opened,
    refused_after,
    until_back,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the database."""
    return tmp_path / "duet.db"


@pytest.fixture
def database_url(path: Path) -> str:
    """The URL of the database."""
    return f"sqlite:///{path}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another process hold the write lock for the length of the block."""
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        try:
            yield
        finally:
            process.kill()


async def assert_unusable(store: Store, words: str) -> None:
    """Assert that `open` tells the operator `words`, and that calls fail at once with no more than
    'unavailable'."""
    try:
        with pytest.raises(StoreUnusable, match=words):
            await store.open()
        with pytest.raises(StoreUnavailable) as caught:
            await store.ping()
        assert caught.value.message == StoreUnavailable.message
        assert await refused_after(store.ping) < AT_ONCE
    finally:
        await store.close()


async def test_a_lock_of_another_process_is_waited_for(store: Store, path: Path) -> None:
    """A short lock delays a write and no read."""
    with locked(path):
        writing = asyncio.ensure_future(store.add_user(make_user()))
        assert await asyncio.wait_for(store.user_by_id("u1"), 1) is None
        await asyncio.sleep(0.2)
        assert not writing.done()
    await writing
    assert await store.user_by_id("u1") == make_user()


async def test_a_lock_that_stays_is_an_outage(store: Store, path: Path) -> None:
    """Writers get StoreUnavailable within 2.5 s, then at once; when the lock is gone, the store recovers by
    itself."""
    with capture_logs() as logs:
        with locked(path):
            waits = await asyncio.gather(
                *(refused_after(lambda n=n: store.add_audit_event(make_event(f"e{n}"))) for n in range(5))  # type: ignore[misc]
            )
            assert max(waits) < IN_TIME
            assert await refused_after(store.ping) < AT_ONCE
        assert await until_back(store.ping) < SOON
    assert [line["event"] for line in logs] == ["store_away", "store_back"]
    assert "locked" in logs[0]["reason"] or "in time" in logs[0]["reason"]
    assert (await store.audit_events()).items == []
    await store.add_audit_event(make_event("e1"))


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The operator is told the path and the reason, nothing is created, and the store recovers once the folder
    exists."""
    store = open_store(f"sqlite:///{tmp_path / 'no' / 'duet.db'}")
    await assert_unusable(store, r"no/duet\.db can't be opened: No such file or directory")
    assert not (tmp_path / "no").exists()
    with pytest.raises(StoreUnusable):
        await store.open()
    (tmp_path / "no").mkdir()
    await until_back(store.ping)
    await store.close()


@pytest.mark.parametrize("content", [b"not a database at all, " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_file_of_something_else_is_left_alone(database_url: str, path: Path, content: bytes) -> None:
    """The file is refused by name, and not a byte of it changes."""
    path.write_bytes(content)
    await assert_unusable(open_store(database_url), "is not a SQLite database, or is damaged")
    assert path.read_bytes() == content


async def test_a_database_of_somebody_else_is_left_alone(database_url: str, path: Path) -> None:
    """Foreign tables are reported and kept."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE users (x)")
    await assert_unusable(open_store(database_url), "does not hold Duet's tables: table users already exists")
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]


async def test_a_newer_schema_is_refused(database_url: str, path: Path) -> None:
    """A file that a newer Duet has migrated is left alone, and the message says what to do."""
    async with opened(database_url):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    content = path.read_bytes()
    await assert_unusable(open_store(database_url), rf"newer Duet \(schema {VERSION + 1}, .*please upgrade")
    assert path.read_bytes() == content


async def test_a_page_damaged_under_way_is_an_outage(database_url: str, path: Path) -> None:
    """Reading a corrupt page raises StoreUnavailable, never an error of sqlite3."""
    async with opened(database_url) as store:
        for number in range(50):
            await store.add_user(make_user(f"u{number}", name="x" * 1000))
    size = path.stat().st_size
    with path.open("r+b") as file:  # the first pages hold the schema, which can still be read
        file.seek(size // 2)
        file.write(b"\xff" * (size - size // 2))
    async with opened(database_url) as store:
        assert await refused_after(lambda: store.find_users(limit=100)) < 1


async def test_a_full_disk_is_an_outage_until_there_is_room(database_url: str) -> None:
    """A write that finds no room is refused as a whole; what was stored stays, and writing works again later."""
    async with opened(database_url) as store:
        assert isinstance(store, SqliteStore)
        await store.add_user(make_user("u1"))
        writer = store._db._writer
        assert writer is not None
        await writer.execute("PRAGMA max_page_count = 1")  # as many pages as there are now and not one more
        await refused_after(lambda: store.add_user(make_user("u2", name="x" * 100_000)))
        await until_back(store.ping)
        assert await all_found(store) == ["u1"]
        await store.add_user(make_user("u2", name="x" * 100_000))


OPENS = """
import asyncio, concurrent.futures.thread, os, sys, urllib.parse
from app.store import open_store
async def main():
    store = open_store(sys.argv[1])
    if os.getuid() == 0:  # after the imports: root's packages may be root's alone
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    try:
        await store.open()
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("opened")
    finally:
        await store.close()
asyncio.run(main())
"""


@pytest.fixture
async def shown_folder() -> AsyncIterator[Path]:
    """A folder that everybody may look into, because root, who may write anywhere, becomes nobody in these
    tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def as_nobody(path: Path) -> str:
    """The error that a user other than root gets when opening `path`."""
    done = subprocess.run(
        [sys.executable, "-c", OPENS, f"sqlite:///{path}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_read_only_folder_is_named(shown_folder: Path) -> None:
    """No file can be made there, and the operator is told which one and why."""
    shown_folder.chmod(0o555)
    told = as_nobody(shown_folder / "duet.db")
    assert told == (
        f"StoreUnusable The database file {shown_folder / 'duet.db'} can't be opened: Permission denied.\n"
    )


async def test_a_read_only_file_is_named(shown_folder: Path) -> None:
    """A database that can be read but not written is not good enough to serve with."""
    path = shown_folder / "duet.db"
    async with opened(f"sqlite:///{path}"):
        pass
    path.chmod(0o444)
    assert "can't be opened: Permission denied" in as_nobody(path)


async def test_a_database_in_a_folder_that_became_read_only_is_named(shown_folder: Path) -> None:
    """The write-ahead log can't be made in such a folder."""
    path = shown_folder / "duet.db"
    async with opened(f"sqlite:///{path}"):
        pass
    path.chmod(0o666)
    shown_folder.chmod(0o555)
    assert f"StoreUnusable {path} or its folder can't be written." in as_nobody(path)
    assert os.listdir(shown_folder) == ["duet.db"]
