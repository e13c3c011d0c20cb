"""The hourly clean-up, when several processes share a database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from app.auth.deployment import run_upkeep
from tests.auth.house import CountingStore, house_on

DAYS = timedelta(days=90)


async def test_of_several_processes_one_cleans_up(database_url: str) -> None:
    """Each hour one process cleans up, and if it is gone, another one does."""
    async with house_on(database_url) as house:
        stores = [CountingStore(house.store) for _ in range(3)]

        async def purges(*which: int, until: int) -> int:
            """Start a round of these processes, wait for `until` purges and a while longer, and count the
            purges."""
            before = done()
            given: list[Any] = [stores[number] for number in which]
            tasks = [asyncio.create_task(run_upkeep(store, house.clock, audit_lifetime=DAYS)) for store in given]
            async with asyncio.timeout(10):
                while done() - before < until:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            return done() - before

        def done() -> int:
            return sum(store.calls.count("purge") for store in stores)

        assert await purges(0, 1, 2, until=1) == 1
        assert await purges(0, 1, 2, until=0) == 0
        house.clock.step(hours=1)
        assert await purges(1, 2, until=1) == 1
