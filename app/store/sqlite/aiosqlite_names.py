"""The names that Duet takes out of aiosqlite's inside, and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

from aiosqlite import Connection

from app.packages import PrivateNames

T = TypeVar("T")

NAMES: Final = PrivateNames(
    "aiosqlite",
    # The thread of a connection, which is not started before the connection is awaited: see `end_with_process`.
    "aiosqlite:Connection._thread",
    # Runs a function in that thread, and `sqlite3`'s own connection, which is for that thread alone: see `run`.
    "aiosqlite:Connection._execute",
    "aiosqlite:Connection._conn",
)


def end_with_process(connection: Connection) -> None:
    """Lets the process end although `connection` is open. To be called before it is awaited."""
    connection._thread.daemon = True


async def run(connection: Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    """The result of `function`, as one step of the connection's thread.

    Raises:
        ValueError: the connection is closed.
        Exception: whatever `function` raises.
    """
    result: T = await connection._execute(function, connection._conn)  # type: ignore[no-untyped-call]
    return result
