"""Faults of a SQLite file: another process locks it, its disk is full, or its disk is read-only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.kinds.away import away
from tests.faults.outcome import Outcome
from tests.faults.people import Person
from tests.faults.site import Site

#: How large the disk is that is filled up, in MB.
DISK = 24


def missing() -> str:
    """What keeps this machine from mounting a small disk; an empty text if nothing does."""
    return "" if os.getuid() == 0 and shutil.which("mount") else "needs root"


async def locked(site: Site, path: Path, *, seconds: float) -> Outcome:
    """Another process begins a write and does not finish it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:

        def lock() -> None:
            other.execute("PRAGMA busy_timeout = 5000")
            other.execute("BEGIN EXCLUSIVE")

        outcome = await away(site, lock, lambda: other.execute("ROLLBACK"), seconds=seconds)
    outcome.expect("store_away" in site.log(), "the log does not tell")
    return outcome


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of `DISK` MB in memory."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "duet-faults", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def full_disk(site: Site, disk: Path, *, seconds: float) -> Outcome:
    """Something else takes all the space that is left."""
    filler = disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    outcome = await away(site, fill, filler.unlink, seconds=seconds)
    outcome.expect("SQLITE_FULL" in site.log(), "the log does not say why")
    return outcome


async def read_only_disk(site: Site, disk: Path) -> Outcome:
    """A read-only disk is refused at the start in one line; once it takes writes everything is there."""
    outcome = Outcome(rounds=1)
    async with await Person(site.url).join() as person:
        site.end()
        _remount(disk, "ro")
        process = site.launch()
        code = await asyncio.to_thread(process.wait, 20)
        outcome.expect(code == 2, f"exit code {code}")
        last = site.log().strip().splitlines()[-1]
        outcome.expect(str(disk) in last, f"the log ends with {last}")
        _remount(disk, "rw")
        await asyncio.to_thread(site.start)
        answer = await person.refresh()
        outcome.expect(answer is not None and answer.status_code == 200, f"not signed in any more: {answer}")
    return outcome


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)
