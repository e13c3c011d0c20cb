"""Calls of a store begin in turn, whoever asks how often, and a queue is never mistaken for an outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextvars import copy_context
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.auth.errors import StoreUnavailable
from app.auth.limits import Asker, ask_as
from app.auth.ports import Store
from app.store.mongo.store import MongoStore
from app.store.places import Places
from app.store.sqlite.store import SqliteStore
from tests.store.records import NOW
from tests.store.test_breaker import Database

EVE, ADA, BOB = Asker("192.0.2.1", "eve"), Asker("192.0.2.1", "ada"), Asker("192.0.2.2", "bob")


def begin(work: Coroutine[Any, Any, Any], asker: Asker) -> asyncio.Task[Any]:
    """Start `work` on behalf of `asker`."""
    context = copy_context()
    context.run(ask_as, asker)
    return asyncio.create_task(work, context=context)


class Line:
    """A single place that is taken, and people who wait for it."""

    def __init__(self) -> None:
        self.places = Places(1)
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[Any]] = []

    async def add(self, name: str, asker: Asker) -> asyncio.Task[Any]:
        """Let somebody wait who notes `name` when it is their turn."""

        async def wait() -> None:
            async with self.places:
                self.order.append(name)

        self.tasks.append(begin(wait(), asker))
        await asyncio.sleep(0)
        return self.tasks[-1]

    async def end(self) -> list[str]:
        """Free the place, and return the names in the order of their turns."""
        self.places.free()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert self.places._free == 1  # it was neither lost nor doubled
        return self.order


@pytest.fixture
async def line() -> Line:
    """A line in front of a place that is taken."""
    one = Line()
    await one.places.take()
    return one


async def test_s40_accounts_take_turns_and_so_do_addresses(line: Line) -> None:
    """Whoever asks once waits for one call of each who ask often, from the same IP address or from another."""
    for number in range(3):
        await line.add(f"eve {number}", EVE)
    await line.add("ada", ADA)
    await line.add("bob", BOB)
    assert await line.end() == ["eve 0", "bob", "ada", "eve 1", "eve 2"]


async def test_who_gives_up_loses_no_place(line: Line) -> None:
    """A caller that leaves the line is passed over, also one that leaves at the moment of its turn."""
    first, second = await line.add("first", EVE), await line.add("second", EVE)
    await line.add("third", EVE)
    first.cancel()
    await asyncio.wait({first})
    line.places.free()  # the turn of the second, which does not know yet
    second.cancel()
    await asyncio.wait({second})
    await line.places.take()
    assert await line.end() == ["third"]


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """A database behind an open breaker."""
    one = Database()
    await one.breaker.open()
    yield one
    await one.breaker.close()


async def test_s40_patience_for_an_answer_begins_with_the_turn() -> None:
    """A call that waited for its turn for half of its patience still has all of it for the database."""
    database = Database(patience=1.0)

    async def slowly() -> str:
        await asyncio.sleep(0.75)
        return "answer"

    await database.breaker.open()
    try:
        await database.places.take()
        asking = asyncio.create_task(database.breaker.call(slowly, database.places))
        await asyncio.sleep(0.5)
        database.places.free()
        assert await asking == "answer"
    finally:
        await database.breaker.close()


async def test_s40_waiting_for_a_turn_is_being_busy(database: Database) -> None:
    """Whoever waits for too long is told that the service is busy; the database is not called away for it."""
    with capture_logs() as logs:
        await database.places.take()
        with pytest.raises(StoreUnavailable, match="Too many people"):
            await database.ask()
        database.places.free()
        assert await database.ask() == "answer"
    assert logs == []
    assert not database.breaker.measurements.is_away


async def test_s40_a_flood_costs_another_account_a_turn_on_each_store(store: Store) -> None:
    """Forty calls of one account that wait cost another account's login one of them, and no more."""
    done: list[str] = []

    async def ask(name: str) -> None:
        await store.sessions_of(name, now=NOW)
        done.append(name)

    taken = await _take_all(store)
    flood = [begin(ask("eve"), EVE) for _ in range(40)]
    await asyncio.sleep(0)
    victim = begin(ask("ada"), ADA)
    await asyncio.sleep(0)
    taken.free()  # a single place, so that calls end in the order in which they begin
    await victim
    assert done.count("eve") <= 1
    await asyncio.gather(*flood)


async def _take_all(store: Store) -> Places:
    assert isinstance(store, SqliteStore | MongoStore)
    places = store._db._reads if isinstance(store, SqliteStore) else store._places
    for _ in range(places._free):
        await places.take()
    return places
