"""The rows of the table: each fault on each store, with its full counts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.kinds.away import Island, Relay, away
from tests.faults.kinds.clocks import clock_steps, clocked, clocks_differ
from tests.faults.kinds.clocks import missing as faketime_missing
from tests.faults.kinds.elections import elections
from tests.faults.kinds.endings import ENDINGS, endings
from tests.faults.kinds.files import full_disk, locked, read_only_disk, small_disk
from tests.faults.kinds.files import missing as mount_missing
from tests.faults.kinds.killed import is_intact, killed
from tests.faults.kinds.replaced import balanced, replaced
from tests.faults.kinds.soak import soak
from tests.faults.kinds.stalled import stalled
from tests.faults.kinds.tabs import tabs
from tests.faults.kinds.terminated import terminated
from tests.faults.outcome import Outcome
from tests.faults.replica_set import ReplicaSet
from tests.faults.site import Site
from tests.kit.services import Mongod

STORES = ("sqlite", "mongodb")


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: its name in the table.
        run: injects the fault, in an empty folder, with this part of the full counts.
        reason: tells why it can't be run on this machine; an empty text if it can.
    """

    name: str
    run: Callable[[Path, float], Outcome]
    reason: Callable[[], str] | None = None


@contextlib.contextmanager
def database(store: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database; for MongoDB, on a server that nothing else uses."""
    if store == "sqlite":
        yield f"sqlite:///{folder / 'duet.db'}"
        return
    with mongod_in(folder) as mongod:
        yield f"{mongod.url}duet"


@contextlib.contextmanager
def mongod_in(folder: Path, **given: Any) -> Iterator[Mongod]:
    """A server that is a replica set of one member."""
    mongod = Mongod(folder / "mongod", replica_set=True, **given)
    mongod.start()
    try:
        yield mongod
    finally:
        mongod.stop()


def scaled(count: int, scale: float) -> int:
    """The count times the scale, but at least one."""
    return max(1, round(count * scale))


def on_site(
    store: str, folder: Path, work: Callable[[Site], Coroutine[Any, Any, Outcome]], *, processes: int = 1
) -> Outcome:
    """Runs `work` on processes of Duet, and returns the outcome."""
    with database(store, folder) as url:
        with Site(folder, url, processes=processes) as site:
            outcome = asyncio.run(work(site))
        if store == "sqlite":
            outcome.expect(is_intact(folder / "duet.db"), "the file is damaged")
    return outcome


def _kill(store: str, folder: Path, scale: float) -> Outcome:
    return on_site(store, folder, partial(killed, kills=scaled(50, scale), each=scaled(1000, scale)))


def _tabs(store: str, processes: int, folder: Path, scale: float) -> Outcome:
    work = partial(tabs, pairs=scaled(1000, scale), crowds=scaled(100, scale))
    return on_site(store, folder, work, processes=processes)


def _end(store: str, ending: Any, processes: int, folder: Path, scale: float) -> Outcome:
    return on_site(store, folder, partial(endings, ending=ending, rounds=scaled(1000, scale)), processes=processes)


def _elect(folder: Path, scale: float) -> Outcome:
    replica_set = ReplicaSet(folder / "mongod")
    try:
        replica_set.start()
        with Site(folder, replica_set.url, processes=2) as site:
            return asyncio.run(elections(site, replica_set, kills=scaled(10, scale)))
    finally:
        replica_set.stop()


def _stall(folder: Path, scale: float) -> Outcome:
    with mongod_in(folder) as mongod, Site(folder, f"{mongod.url}duet", processes=2) as site:
        return asyncio.run(away(site, mongod.pause, mongod.resume, seconds=max(4, 60 * scale)))


def _cut(folder: Path, scale: float) -> Outcome:
    async def work(mongod: Mongod) -> Outcome:
        relay = Relay(mongod.port)
        port = await relay.open()
        site = Site(folder, f"mongodb://127.0.0.1:{port}/duet?directConnection=true", processes=2)
        await asyncio.to_thread(site.__enter__)
        try:
            return await away(site, relay.cut, relay.mend, seconds=max(4, 60 * scale))
        finally:
            await asyncio.to_thread(site.__exit__, None, None, None)

    with mongod_in(folder) as mongod:
        return asyncio.run(work(mongod))


def _partition(folder: Path, scale: float) -> Outcome:
    island = Island()
    with (
        island.made() as before,
        mongod_in(folder, host=island.there, before=before) as mongod,
        Site(folder, f"{mongod.url}duet", processes=2) as site,
    ):
        return asyncio.run(away(site, island.cut, island.mend, seconds=max(4, 60 * scale)))


def _lock(folder: Path, scale: float) -> Outcome:
    return on_site("sqlite", folder, partial(locked, path=folder / "duet.db", seconds=max(4, 10 * scale)))


def _fill(folder: Path, scale: float) -> Outcome:
    with small_disk(folder) as disk:
        with Site(folder, f"sqlite:///{disk / 'duet.db'}") as site:
            outcome = asyncio.run(full_disk(site, disk, seconds=max(4, 10 * scale)))
        outcome.expect(is_intact(disk / "duet.db"), "the file is damaged")
        return outcome


def _read_only(folder: Path, scale: float) -> Outcome:
    with small_disk(folder) as disk, Site(folder, f"sqlite:///{disk / 'duet.db'}") as site:
        return asyncio.run(read_only_disk(site, disk))


def _replace(folder: Path, scale: float) -> Outcome:
    replica_set = ReplicaSet(folder / "mongod")
    try:
        replica_set.start()
        with Site(folder, replica_set.url, processes=3) as site, balanced(folder, site) as url:
            return asyncio.run(replaced(site, url, rounds=scaled(20, scale)))
    finally:
        replica_set.stop()


def _clock(store: str, folder: Path, scale: float) -> Outcome:
    with database(store, folder) as url, clocked(folder, url, 1) as (site, clocks):
        return asyncio.run(clock_steps(site, clocks, rounds=scaled(5, scale)))


def _clocks(store: str, folder: Path, scale: float) -> Outcome:
    with database(store, folder) as url, clocked(folder, url, 2) as (site, clocks):
        return asyncio.run(clocks_differ(site, clocks, rounds=scaled(3, scale)))


def _bad_clients(store: str, folder: Path, scale: float) -> Outcome:
    return on_site(store, folder, partial(stalled, seconds=max(15, 60 * scale)))


def _terminate(store: str, folder: Path, scale: float) -> Outcome:
    return on_site(store, folder, partial(terminated, ends=scaled(20, scale)))


def _soak(store: str, folder: Path, scale: float) -> Outcome:
    return on_site(store, folder, partial(soak, seconds=max(20, 1800 * scale)))


ROWS: list[Row] = [
    *[Row(f"kill -9, {store}", partial(_kill, store)) for store in STORES],
    *[
        Row(f"tabs at once, {count} {word}, {store}", partial(_tabs, store, count))
        for store in STORES
        for count, word in ((1, "process"), (4, "processes"))
    ],
    *[
        Row(f"refresh at {ending}, {count} {word}, {store}", partial(_end, store, ending, count))
        for store in STORES
        for ending in ENDINGS
        for count, word in ((1, "process"), (2, "processes"))
    ],
    Row("primary of three killed", _elect),
    Row("MongoDB stopped", _stall),
    Row("MongoDB's connections cut", _cut),
    Row("MongoDB behind a broken network", _partition, Island.missing),
    Row("SQLite locked", _lock),
    Row("SQLite's disk full", _fill, mount_missing),
    Row("SQLite's disk read-only", _read_only, mount_missing),
    *[Row(f"the clock is set, {store}", partial(_clock, store), faketime_missing) for store in STORES],
    Row("clocks that differ, mongodb", partial(_clocks, "mongodb"), faketime_missing),
    Row("one of three replaced behind Caddy", _replace),
    Row("bad clients", partial(_bad_clients, "sqlite")),
    *[Row(f"SIGTERM, {store}", partial(_terminate, store)) for store in STORES],
    *[Row(f"half an hour of load, {store}", partial(_soak, store)) for store in STORES],
]
