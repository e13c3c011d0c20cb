"""An empty SQLite database, as the first start of a Duet leaves it: made once for each process of the run."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.store import open_store

_SQLITE = "sqlite:///"


def made(url: str) -> str:
    """The same URL, whose database is made by now if it is of SQLite and was not there.

    To make the tables takes three times as long as to open the file, which many tests do little more than.
    """
    if url.startswith(_SQLITE) and not (path := Path(url.removeprefix(_SQLITE))).exists():
        path.touch(0o600)
        path.write_bytes(_empty())
    return url


@functools.cache
def _empty() -> bytes:
    """What is in the file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(1) as thread,
    ):  # this one may have a loop that runs
        path = Path(folder, "duet.db")
        thread.submit(asyncio.run, _make(path)).result()
        return path.read_bytes()


async def _make(path: Path) -> None:
    store = open_store(f"{_SQLITE}{path}")
    await store.open()
    await store.close()
