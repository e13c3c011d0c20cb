"""Hashes come last, but never so far behind a flood of pages that nobody can log in any more."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from app.auth.factors.hash_queue import HashQueue
from app.auth.factors.hash_threads import AT_EASE, CALM, CHEAP, NICENESSES, STARVED, HashThreads, Pace
from app.auth.limits import Asker

LAST = len(NICENESSES) - 1
linux = pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's on Linux alone")


@pytest.fixture
def threads() -> Iterator[HashThreads]:
    """Threads for one hash at a time."""
    one = HashThreads(1)
    yield one
    one.shutdown()


def niceness() -> int:
    """The niceness of this thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@linux
async def test_s41_a_starved_hash_is_begun_again_until_it_competes_as_an_equal(threads: HashThreads) -> None:
    """A try that gets nothing of a core is followed by one with a higher priority, at last that of the loop."""
    gate, tries = threading.Event(), list[int]()

    def starve() -> int:
        tries.append(niceness())
        if len(tries) < len(NICENESSES):
            gate.wait(60)  # it does not compute, as if others had the core
        return tries[-1]

    try:
        hashed = await asyncio.wrap_future(threads.submit(starve, CHEAP))
    finally:
        gate.set()
    assert hashed.value == niceness()
    assert tries == [max(one, niceness()) for one in NICENESSES]
    assert (threads.hurried, threads.pace.step) == (LAST, LAST)


@linux
async def test_s41_the_next_hash_begins_where_the_last_one_was_not_starved(threads: HashThreads) -> None:
    """While the flood goes on, nobody else waits until their hash is found to be starved."""
    threads.pace.step = LAST
    hashed = await asyncio.wrap_future(threads.submit(niceness, CHEAP))
    assert (hashed.value, threads.hurried) == (niceness(), 0)


async def test_s41_what_a_hash_takes_is_counted_in_processor_time(threads: HashThreads) -> None:
    """The wait for a core does not count, so a queue is refused for its length and not for the load."""
    hashed = await asyncio.wrap_future(threads.submit(lambda: time.sleep(0.5), 10.0))
    assert hashed.seconds < 0.25
    queue = HashQueue(threads=1, seconds_per_hash=0.1)
    try:
        capacity = queue.capacity
        await queue.run(lambda: time.sleep(0.5), Asker())
        assert queue.capacity >= capacity
    finally:
        queue.close()


@linux
def test_s41_a_starved_hash_makes_the_next_ones_less_nice() -> None:
    """Each step is left when its hashes are starved, down to the last one."""
    pace = Pace()
    for step in range(LAST):
        pace.note(step, STARVED)
        assert pace.step == step
        pace.note(step, STARVED - 0.01)
        assert pace.step == step + 1
    pace.note(LAST, 0.0)
    assert pace.step == LAST


@linux
def test_hashes_are_nice_again_once_nobody_else_wants_the_core() -> None:
    """Several in a row have to be at ease; one that is not, or an old one of another step, changes nothing."""
    pace = Pace()
    pace.step = LAST
    for share in [1.0] * (CALM - 1) + [AT_EASE] + [1.0] * (CALM - 1):
        pace.note(LAST, share)
    pace.note(0, 1.0)
    assert pace.step == LAST
    pace.note(LAST, 1.0)
    assert pace.step == LAST - 1
