"""Opens and uses the SQLite store's two connections, one that writes and one that reads."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

from app.private_files import create
from app.store.breaker import Breaker, StoreUnusable
from app.store.measurements import StoreMeasurements
from app.store.places import Places
from app.store.sqlite.aiosqlite_names import NAMES, end_with_process, run
from app.store.sqlite.migrations import migrate
from app.store.sqlite.schema import VERSION

#: How long SQLite waits for another process's lock, in seconds: less than a caller's patience.
LOCK_PATIENCE: Final = 2.0
#: The first version that has both STRICT tables and RETURNING.
OLDEST_SQLITE: Final = (3, 37, 0)

T = TypeVar("T")

#: The parameters of a statement, by position or by name.
Values = Sequence[Any] | Mapping[str, Any]
Rows = list[tuple[Any, ...]]

#: What the driver raises for a wrong statement or value, as opposed to a database that can't serve.
MISTAKES: Final = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
)


def diagnose(error: Exception) -> str | None:
    """Returns why `error` means that the database can't serve; None for a mistake of ours."""
    if isinstance(error, MISTAKES):
        return None
    return f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"


class Transaction:
    """What the work of one transaction may use. The work runs in the connection's thread, in one go."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """Returns the rows of one statement. A failed one changes nothing, and its error may be caught."""
        return self._connection.execute(sql, values).fetchall()

    def execute_many(self, sql: str, rows: Sequence[Values]) -> None:
        """Executes one statement for each of `rows`."""
        self._connection.executemany(sql, rows)


class Connections:
    """Uses one connection for reads and one for writes, so that no read waits for a write to reach the disk.

    A single statement is atomic in SQLite, and so are the statements of one transaction. Either is one step of the
    connection's thread, in a task that a caller's cancellation does not reach (see `breaker`).

    Raises:
        PackageUnfit: aiosqlite has lost a name that this needs.
    """

    def __init__(self, path: Path) -> None:
        NAMES.check()
        self.path = path.absolute()
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None
        self._writes = Places(1)
        self._reads = Places(1)
        self._breaker = Breaker("sqlite", prepare=self._prepare, driver_errors=(sqlite3.Error,), diagnose=diagnose)

    @property
    def measurements(self) -> StoreMeasurements:
        """The measurements of all calls."""
        return self._breaker.measurements

    async def open(self) -> None:
        """Connects and migrates. Raises `StoreUnusable` if the operator has to act."""
        await self._breaker.open()

    async def close(self) -> None:
        """Lets running work finish, then closes both connections."""
        await self._breaker.close()
        await self._disconnect()

    async def read(self, sql: str, values: Values = ()) -> Rows:
        """Returns the rows of one SELECT."""

        async def work() -> Rows:
            return await _fetch(self._reader, sql, values)

        return await self._breaker.call(work, self._reads)

    async def write(self, sql: str, values: Values = ()) -> Rows:
        """Returns what one writing statement RETURNs. The statement is committed by itself."""

        async def work() -> Rows:
            return await _fetch(self._writer, sql, values)

        return await self._breaker.call(work, self._writes)

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Returns the result of `work`, whose statements are committed together, or not at all if it raises.

        It runs in the connection's thread. Nobody else writes from its beginning to its end.
        """

        async def whole() -> T:
            return await _transact(self._writer, work)

        return await self._breaker.call(whole, self._writes)

    async def _prepare(self) -> None:
        # Each attempt makes new connections, and so does a probe: faults of the old ones are gone with them.
        async with self._writes, self._reads:
            await self._disconnect()
            if sqlite3.sqlite_version_info < OLDEST_SQLITE:
                raise StoreUnusable(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed.")
            await asyncio.to_thread(_create_file, self.path)
            try:
                self._writer = await self._connect()
                await migrate(self._writer)
                self._reader = await self._connect()
                await _fetch(self._reader, "PRAGMA query_only = ON")
            except BaseException as error:
                await self._disconnect()
                _explain(error, self.path)
                raise

    async def _connect(self) -> aiosqlite.Connection:
        # mode=rw never creates a file: only `_create_file` does that, with the right mode.
        connection = aiosqlite.connect(
            f"{self.path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=LOCK_PATIENCE
        )
        # A process that ends without `close`, as after a traceback, must end: SQLite undoes what is half done.
        end_with_process(connection)
        await connection
        try:
            await _use_wal(connection, self.path)
            await _fetch(connection, "PRAGMA synchronous = FULL")
            await _fetch(connection, "PRAGMA foreign_keys = ON")
            await _fetch(connection, "PRAGMA trusted_schema = OFF")
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _disconnect(self) -> None:
        connections = self._reader, self._writer
        self._reader = self._writer = None
        for connection in connections:
            if connection is not None:
                with suppress(sqlite3.Error, ValueError):
                    await connection.close()


def _create_file(path: Path) -> None:
    """Creates an empty file, which is an empty database, unless it is there. Only its owner may read it.

    A file that is there is not opened here: closing it would release the locks of every other connection that this
    process has to it (POSIX), and the next process to close the file would remove the log that they write to.
    """
    try:
        os.close(create(path))
    except FileExistsError:
        problem = _why_not(path)
        if problem:
            raise StoreUnusable(f"The database file {path} can't be opened: {os.strerror(problem)}.") from None
    except OSError as error:
        raise StoreUnusable(f"The database file {path} can't be opened: {error.strerror}.") from error


def _why_not(path: Path) -> int:
    """Returns the error number with which a file that is there would not open, or 0, without opening it."""
    if path.is_dir():
        return errno.EISDIR
    may = os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    return 0 if may else errno.EACCES


def _explain(error: BaseException, path: Path) -> None:
    """Raises `StoreUnusable`, in words for the operator, if the cause lies in the file."""
    name = getattr(error, "sqlite_errorname", "") if isinstance(error, sqlite3.Error) else ""
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        raise StoreUnusable(f"{path} is not a SQLite database, or is damaged.") from error
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        raise StoreUnusable(f"{path} or its folder can't be written.") from error
    if name == "SQLITE_ERROR":
        raise StoreUnusable(f"{path} does not hold Duet's tables: {error}.") from error


async def _fetch(connection: aiosqlite.Connection | None, sql: str, values: Values = ()) -> Rows:
    if connection is None:
        raise sqlite3.OperationalError("not connected")
    return [tuple(row) for row in await connection.execute_fetchall(sql, values)]


async def _transact(connection: aiosqlite.Connection | None, work: Callable[[Transaction], T]) -> T:
    if connection is None:
        raise sqlite3.OperationalError("not connected")
    # This is one step of the thread: each round trip to it costs more than a statement whose rows are in memory.
    return await run(connection, partial(_whole, work))


def _whole(work: Callable[[Transaction], T], connection: sqlite3.Connection) -> T:
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(Transaction(connection))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return result


async def _use_wal(connection: aiosqlite.Connection, path: Path) -> None:
    version = (await _fetch(connection, "PRAGMA user_version"))[0][0]
    if version > VERSION:  # refused before anything in the file is changed
        raise StoreUnusable(
            f"{path} was made by a newer Duet (schema {version}, this one knows {VERSION}): please upgrade."
        )
    # SQLite does not wait for this lock by itself, so two processes that create the same file would fail.
    deadline = asyncio.get_running_loop().time() + LOCK_PATIENCE
    while True:
        try:
            mode = (await _fetch(connection, "PRAGMA journal_mode = WAL"))[0][0]
            break
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            if not busy or asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.02)
    if mode != "wal":
        raise StoreUnusable(f"{path} lies on a file system that SQLite's write-ahead log does not work on.")
