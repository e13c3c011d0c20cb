"""The breaker by itself: bounded waits, one log line for each outage, recovery, and the distinction from bugs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app.auth.errors import StoreUnavailable
from app.store.breaker import Breaker, StoreUnusable
from app.store.places import Places
from tests.store.records import AT_ONCE, refused_after, until_back


class AwayError(Exception):
    """What the test driver raises when its database is away."""


class MisuseError(AwayError):
    """What the test driver raises for a wrong call."""


class Database:
    """A database that can be switched off, and counts how often it was tried."""

    def __init__(self, *, patience: float = 0.2) -> None:
        self.is_there = True
        self.tries = 0
        self.places = Places(1)
        self.breaker = Breaker(
            "test",
            prepare=self.prepare,
            driver_errors=(AwayError,),
            diagnose=lambda error: None if isinstance(error, MisuseError) else "gone",
            patience=patience,
            probe_pause=0.05,
        )

    async def prepare(self) -> None:
        self.tries += 1
        if not self.is_there:
            raise AwayError

    async def work(self) -> str:
        if not self.is_there:
            raise AwayError("mongodb://ada:hush@db")
        return "answer"

    async def ask(self) -> str:
        return await self.breaker.call(self.work, self.places)


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """A database behind an open breaker."""
    one = Database()
    await one.breaker.open()
    yield one
    await one.breaker.close()


async def test_an_outage_fails_calls_at_once_and_ends_by_itself(database: Database) -> None:
    """After the first failure nobody waits, probes are spaced out, and no restart is needed."""
    database.is_there = False
    assert await refused_after(database.ask) < AT_ONCE
    tries, start = database.tries, time.monotonic()
    for _ in range(200):
        assert await refused_after(database.ask) < AT_ONCE
    assert database.tries <= tries + 1 + (time.monotonic() - start) / 0.05
    database.is_there = True
    await until_back(database.ask)


async def test_an_outage_is_logged_once_and_without_secrets(database: Database) -> None:
    """There is one line when the database goes and one when it is back, and neither has text from the driver."""
    with capture_logs() as logs:
        database.is_there = False
        await asyncio.gather(*(refused_after(database.ask) for _ in range(5)))
        await asyncio.sleep(0.2)
        database.is_there = True
        await until_back(database.ask)
    assert [line["event"] for line in logs] == ["store_away", "store_back"]
    assert "hush" not in str(logs)


async def test_the_drivers_error_is_the_cause(database: Database) -> None:
    """A driver's exception never gets out by itself, only as the cause of StoreUnavailable."""
    database.is_there = False
    with pytest.raises(StoreUnavailable) as caught:
        await database.ask()
    assert isinstance(caught.value.__cause__, AwayError)


@pytest.mark.parametrize("error", [TypeError("wrong"), KeyError("wrong"), MisuseError()])
async def test_a_mistake_is_no_outage(database: Database, error: Exception) -> None:
    """A bug is raised as it is, not as StoreUnavailable, and the next call is served."""

    async def work() -> None:
        raise error

    with pytest.raises(ValueError if isinstance(error, MisuseError) else type(error)) as caught:
        await database.breaker.call(work, database.places)
    assert not isinstance(caught.value, AwayError)
    assert await database.ask() == "answer"


async def test_no_answer_in_time_is_an_outage_and_the_work_still_ends(database: Database) -> None:
    """The caller is refused when its patience ends; the work is not interrupted, and its slot becomes free."""
    answer, done = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        await answer.wait()
        done.set()

    assert await refused_after(lambda: database.breaker.call(slow, database.places)) > 0.15
    answer.set()
    await asyncio.wait_for(done.wait(), 1)
    await until_back(database.ask)


async def test_waiting_for_a_turn_counts_as_waiting(database: Database) -> None:
    """Callers who queue behind work that hangs are refused too, and their work never begins."""
    begun, answer = [], asyncio.Event()

    async def slow() -> None:
        begun.append(1)
        await answer.wait()

    results = await asyncio.gather(
        *(database.breaker.call(slow, database.places) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    answer.set()
    await until_back(database.ask)
    assert begun == [1]


async def test_a_long_queue_is_no_outage(database: Database) -> None:
    """Only the caller who waits too long for a turn is refused; the database answers, so everybody else is
    served."""

    async def brisk() -> str:
        await asyncio.sleep(0.05)
        return "answer"

    with capture_logs() as logs:
        calls = (database.breaker.call(brisk, database.places) for _ in range(12))
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert "answer" in results
    assert StoreUnavailable in {type(result) for result in results}
    assert logs == []
    assert await database.ask() == "answer"


async def test_a_loop_that_stood_still_is_no_outage(database: Database) -> None:
    """Work whose steps were ready while something else blocked the event loop is given time to catch up."""

    def answer() -> str:
        time.sleep(0.01)
        return "answer"

    async def in_a_thread() -> str:
        for _ in range(3):
            await asyncio.to_thread(answer)
        return await asyncio.to_thread(answer)

    asking = asyncio.ensure_future(database.breaker.call(in_a_thread, database.places))
    await asyncio.sleep(0.01)
    time.sleep(0.3)
    assert await asking == "answer"


async def test_a_cancelled_caller_does_not_cancel_the_work(database: Database) -> None:
    """Work that has begun is finished, so no connection is left in the middle of a transaction."""
    done = asyncio.Event()

    async def slow() -> None:
        await asyncio.sleep(0.05)
        done.set()

    asking = asyncio.ensure_future(database.breaker.call(slow, database.places))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(done.wait(), 1)
    assert await database.ask() == "answer"


async def test_a_database_that_is_away_at_the_start_is_found_later() -> None:
    """`open` and calls fail at once, and both recover when the database is there, with or without another
    `open`."""
    database = Database()
    database.is_there = False
    try:
        with pytest.raises(StoreUnavailable):
            await database.breaker.open()
        assert await refused_after(database.ask) < AT_ONCE
        with pytest.raises(StoreUnavailable):
            await database.breaker.open()
        database.is_there = True
        await until_back(database.ask)
        await database.breaker.open()
    finally:
        await database.breaker.close()


async def test_closing_ends_the_probing_and_waits_for_work() -> None:
    """After `close` nothing of the breaker runs any more, even during an outage."""
    database = Database()
    await database.breaker.open()
    database.is_there = False
    await refused_after(database.ask)
    await database.breaker.close()
    tries = database.tries
    await asyncio.sleep(0.15)
    assert database.tries == tries
    assert len(asyncio.all_tasks()) == 1
    assert await refused_after(database.ask) < AT_ONCE


async def test_a_bug_in_the_probe_does_not_end_the_probing(database: Database) -> None:
    """Whatever error the preparation raises, the store counts as away and is tried again."""
    database.is_there = False
    await refused_after(database.ask)

    async def broken() -> None:
        database.tries += 1
        raise RuntimeError("a bug")

    database.breaker._prepare = broken
    tries = database.tries
    await asyncio.sleep(0.2)
    assert database.tries > tries + 1
    database.breaker._prepare = database.prepare
    database.is_there = True
    await until_back(database.ask)


async def test_a_bug_at_the_start_is_one_and_the_store_is_away() -> None:
    """`open` raises the bug; calls are refused as in any outage, which ends once the preparation works."""
    database = Database()

    async def broken() -> None:
        raise RuntimeError("a bug")

    database.breaker._prepare = broken
    with pytest.raises(RuntimeError):
        await database.breaker.open()
    assert await refused_after(database.ask) < AT_ONCE
    database.breaker._prepare = database.prepare
    await until_back(database.ask)
    await database.breaker.close()


async def test_what_the_operator_must_do_is_told_by_open_alone() -> None:
    """`open` says what is wrong with the database, while a visitor's call says only that it is away."""
    database = Database()

    async def unusable() -> None:
        raise StoreUnusable("the folder is missing")

    database.breaker._prepare = unusable
    with pytest.raises(StoreUnusable, match="the folder is missing"):
        await database.breaker.open()
    with pytest.raises(StoreUnavailable) as caught:
        await database.ask()
    assert caught.value.message == StoreUnavailable.message
    await database.breaker.close()
