"""A long mixed load: memory, threads and descriptors stay level, and nothing fails."""

from __future__ import annotations

import asyncio
import time

from tests.faults.load import Load
from tests.faults.outcome import Outcome
from tests.faults.site import Site

#: How much more memory may be in use at the end than after the first part, which warms up, in MB.
MORE_MEMORY = 15.0


async def soak(site: Site, *, seconds: float) -> Outcome:
    """Runs the load for that many seconds, and looks at the process ten times."""
    outcome = Outcome()

    async def watch() -> None:
        looks: list[tuple[float, int, int]] = []
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await asyncio.sleep(seconds / 10)
            looks.append((site.memory(), site.threads(), site.descriptors()))
            outcome.rounds += 1
        first, last = looks[len(looks) // 3], looks[-1]
        for name, before, after, more in zip(
            ("memory", "threads", "descriptors"), first, last, (MORE_MEMORY, 8, 20), strict=True
        ):
            outcome.figures[name] = f"{before:.0f} to {after:.0f}"
            outcome.expect(after <= before + more, f"{name}: {before:.0f} and later {after:.0f}")

    load = Load(site.urls, outcome, may_fail=False)
    return await load.during(watch())
