"""The private names of aiosqlite that Duet uses, and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

from aiosqlite import Connection

from app.packages import PrivateNames

T = TypeVar("T")

NAMES: Final = PrivateNames(
    "aiosqlite",
    # The thread of a connection, which starts when the connection is awaited: see `end_with_process`.
    "aiosqlite:Connection._thread",
    # What runs a function in that thread, and the connection of `sqlite3`, which only that thread may use: see
    # `run`.
    "aiosqlite:Connection._execute",
    "aiosqlite:Connection._conn",
)


def end_with_process(connection: Connection) -> None:
    """Lets the process end although `connection` is open. Call it before the connection is awaited."""
    connection._thread.daemon = True


async def run(connection: Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    """Returns the result of `function`, which runs as one step of the connection's thread.

    Raises:
        ValueError: the connection is closed.
        Exception: whatever `function` raises.
    """
    result: T = await connection._execute(function, connection._conn)  # type: ignore[no-untyped-call]
    return result
