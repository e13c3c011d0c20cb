"""The primary of a replica set is killed under load, again and again."""

from __future__ import annotations

import asyncio

from tests.faults.load import Load
from tests.faults.outcome import Outcome
from tests.faults.replica_set import ReplicaSet
from tests.faults.site import Site

#: The longest time with nothing better than a 503, in seconds.
LONGEST_OUTAGE = 15
#: How long the load runs undisturbed before each election.
CALM = 3


async def elections(site: Site, replica_set: ReplicaSet, *, kills: int) -> Outcome:
    """Kills the primary, lets the others elect one, and starts it again."""
    outcome = Outcome()

    async def kill() -> None:
        for _ in range(kills):
            await asyncio.sleep(CALM)
            primary = await asyncio.to_thread(replica_set.primary)
            primary.kill()
            await asyncio.to_thread(replica_set.primary)
            await asyncio.sleep(CALM)
            await asyncio.to_thread(primary.start)
            await asyncio.to_thread(replica_set.wait_until_whole)
            outcome.rounds += 1
        await asyncio.sleep(CALM)

    await Load(site.urls, outcome).during(kill())
    longest = float(outcome.figures.get("longest outage", "0 s").split()[0])
    outcome.expect(longest <= LONGEST_OUTAGE, f"an outage of {longest} s")
    return outcome
