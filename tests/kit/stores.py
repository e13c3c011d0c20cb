"""An empty SQLite database, as Duet's first start leaves it, made once for each process of the run."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.store import open_store

_SQLITE = "sqlite:///"


def made(url: str) -> str:
    """The same URL, after its database has been created if it is of SQLite and was missing.

    Creating the tables takes three times as long as opening the file, and many tests do little more than that.
    """
    if url.startswith(_SQLITE) and not (path := Path(url.removeprefix(_SQLITE))).exists():
        path.touch(0o600)
        path.write_bytes(_empty())
    return url


@functools.cache
def _empty() -> bytes:
    """The content of the file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(1) as thread,
    ):  # this thread may already have a running loop
        path = Path(folder, "duet.db")
        thread.submit(asyncio.run, _make(path)).result()
        return path.read_bytes()


async def _make(path: Path) -> None:
    store = open_store(f"{_SQLITE}{path}")
    await store.open()
    await store.close()
