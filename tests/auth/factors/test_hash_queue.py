"""Hashes do not wait for ever, do not wait behind a client's flood, and never block the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.auth.errors import TooBusy
from app.auth.factors.hash_queue import HashQueue
from app.auth.factors.hash_threads import NICENESSES
from app.auth.limits import Asker

ADA, BOB = Asker("192.0.2.1", "ada@example.com"), Asker("192.0.2.2", "bob@example.com")


class Clogged:
    """A queue whose only thread is blocked until the gate opens, with a known cost per hash."""

    def __init__(self) -> None:
        self.queue = HashQueue(threads=1, seconds_per_hash=1.0)
        self.gate = threading.Event()
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def _wait(self) -> None:
        self.gate.wait(10)

    async def block(self) -> asyncio.Task[None]:
        """Occupy the thread."""
        task = asyncio.create_task(self.queue.run(self._wait, Asker()))
        self.tasks.append(task)
        await asyncio.sleep(0)
        return task

    async def add(self, name: str, asker: Asker) -> asyncio.Task[None]:
        """Add a job that notes its name in `order` when it is done."""
        task = asyncio.create_task(self.queue.run(lambda: self.order.append(name), asker))
        self.tasks.append(task)
        await asyncio.sleep(0)
        return task

    async def end(self) -> list[str]:
        """Open the gate, wait for all jobs, and return the order in which they ran."""
        self.gate.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for _ in range(500):
            if not self.queue.running:
                break
            await asyncio.sleep(0.01)
        assert (self.queue.running, self.queue.waiting, self.queue.expected_wait) == (0, 0, 0)
        return self.order


@pytest.fixture
async def clogged() -> AsyncIterator[Clogged]:
    """A queue whose thread is already taken."""
    one = Clogged()
    await one.block()
    yield one
    await one.end()
    one.queue.close()


async def test_the_loop_goes_on_while_something_is_hashed(clogged: Clogged) -> None:
    """The work is done in separate threads, and the loop answers others meanwhile."""
    waiting = await clogged.add("x", ADA)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert (clogged.queue.running, clogged.queue.waiting) == (1, 1)
    assert await clogged.end() == ["x"]


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's on Linux alone")
async def test_whatever_else_the_process_does_comes_first(clogged: Clogged) -> None:
    """The hashing threads alone have the lowest priority."""
    clogged.gate.set()

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    assert await clogged.queue.run(niceness, ADA) == NICENESSES[0] > before
    assert niceness() == before


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(clogged: Clogged) -> None:
    """Beyond five seconds of waiting nobody is queued, and nobody who already waits is lost."""
    for number in range(5):
        await clogged.add(str(number), ADA)
    assert clogged.queue.expected_wait == 6
    with pytest.raises(TooBusy) as busy:
        await clogged.queue.run(list, ADA)
    assert busy.value.retry_after == 6
    assert (clogged.queue.running, clogged.queue.waiting, clogged.queue.counts.refused) == (1, 5, 1)
    assert await clogged.end() == list("01234")


async def test_what_happened_is_counted(clogged: Clogged) -> None:
    """The queue counts how many hashes began, how long they waited and how many were refused, for the metrics."""
    await clogged.add("x", ADA)
    await asyncio.sleep(0.05)
    assert clogged.queue.counts.begun == 1
    await clogged.end()
    assert clogged.queue.counts.begun == 2
    assert clogged.queue.counts.waited >= 0.05
    assert clogged.queue.counts.refused == 0


async def test_clients_take_turns(clogged: Clogged) -> None:
    """A client that asks once waits for one job of a client that asks often, not for all of them."""
    for number in range(3):
        await clogged.add(f"ada {number}", ADA)
    await clogged.add("bob", BOB)
    assert await clogged.end() == ["ada 0", "bob", "ada 1", "ada 2"]


async def test_accounts_of_one_address_take_turns(clogged: Clogged) -> None:
    """Even behind one proxy or in one office, a flood at one account does not hold up another account's login."""
    eve = Asker(ADA.address, "eve@example.com")
    for number in range(3):
        await clogged.add(f"eve {number}", eve)
    await clogged.add("ada", ADA)
    assert await clogged.end() == ["eve 0", "ada", "eve 1", "eve 2"]


async def test_a_flood_over_many_accounts_is_one_client_s(clogged: Clogged) -> None:
    """A client that tries one account after another gets no more turns by that."""
    for number in range(4):
        await clogged.add(f"eve {number}", Asker(BOB.address, f"{number}@example.com"))
    await clogged.add("ada", ADA)
    assert await clogged.end() == ["eve 0", "ada", "eve 1", "eve 2", "eve 3"]


@pytest.mark.parametrize("victim", [BOB, Asker(ADA.address, BOB.account)], ids=["elsewhere", "behind one proxy"])
async def test_whoever_crowds_the_others_out_is_refused(clogged: Clogged, victim: Asker) -> None:
    """In a full queue, the last job of the biggest flood makes room and is told to come back."""
    flood = [await clogged.add(f"ada {number}", ADA) for number in range(5)]
    await clogged.add("bob", victim)
    refused = await asyncio.gather(flood[-1], return_exceptions=True)
    assert [type(error) for error in refused] == [TooBusy]
    assert (clogged.queue.waiting, clogged.queue.counts.refused) == (5, 1)
    assert await clogged.end() == ["ada 0", "bob", "ada 1", "ada 2", "ada 3"]


async def test_nobody_is_put_out_by_an_equal(clogged: Clogged) -> None:
    """When all ask for the same amount, the last to come is refused."""
    for number in range(5):
        await clogged.add(str(number), Asker(f"192.0.2.{number}"))
    with pytest.raises(TooBusy):
        await clogged.queue.run(list, BOB)
    assert await clogged.end() == list("01234")


async def test_who_gives_up_frees_their_place_and_no_other(clogged: Clogged) -> None:
    """A waiting client that hangs up leaves the queue at once; one whose hash is being computed, when that
    ends."""
    waiting = [await clogged.add(str(number), ADA) for number in range(3)]
    waiting[1].cancel()
    await asyncio.wait({waiting[1]})
    assert (clogged.queue.running, clogged.queue.waiting) == (1, 2)
    clogged.tasks[0].cancel()  # its thread keeps working
    await asyncio.wait({clogged.tasks[0]})
    assert (clogged.queue.running, clogged.queue.waiting) == (1, 2)
    assert await clogged.end() == ["0", "2"]


async def test_a_turn_that_comes_too_late_goes_to_the_next(clogged: Clogged) -> None:
    """If a job is given up at the moment of its turn, the thread is not lost."""
    first, second = await clogged.add("first", ADA), await clogged.add("second", ADA)
    clogged.queue._free_thread()  # the first job's turn, of which it does not know yet
    first.cancel()
    clogged.queue._running += 1  # the thread itself is still taken
    assert await clogged.end() == ["second"]
    assert second.done()


async def test_the_turn_of_one_who_has_just_left_goes_to_the_next(clogged: Clogged) -> None:
    """If a job is cancelled but still in the queue at its turn, the thread is not lost either."""
    first, _ = await clogged.add("first", ADA), await clogged.add("second", ADA)
    first.cancel()
    clogged.queue._free_thread()
    clogged.queue._running += 1  # the thread itself is still taken
    assert await clogged.end() == ["second"]


async def test_a_failure_frees_the_thread(clogged: Clogged) -> None:
    """An error in the work reaches its caller, and the next job begins."""

    def fail() -> Any:
        raise ValueError("no")

    failing = asyncio.create_task(clogged.queue.run(fail, ADA))
    await clogged.add("next", ADA)
    assert await clogged.end() == ["next"]
    with pytest.raises(ValueError, match="no"):
        await failing
