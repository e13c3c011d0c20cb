"""Several containers behind a proxy are replaced one after the other, under load."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.proxies import caddy_at
from tests.faults.load import Load
from tests.faults.outcome import Outcome
from tests.faults.site import Site
from tests.kit.programs import free_port


@contextlib.contextmanager
def balanced(folder: Path, site: Site) -> Iterator[str]:
    """Runs Caddy, with the file in `deploy/`, in front of them all, and yields its address."""
    port, https_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    with caddy_at(url, folder, port, https_port, site.ports, waits_for=port):
        yield url


async def replaced(site: Site, url: str, *, rounds: int) -> Outcome:
    """Ends and restarts the containers one after the other. No request fails."""
    outcome = Outcome()

    async def work() -> None:
        for number in range(rounds):
            await asyncio.sleep(2)
            which = number % len(site.ports)
            code, took = await asyncio.to_thread(site.end, which)
            outcome.note("ended after", took, "s")
            outcome.expect(code == 0, f"exit code {code}")
            await asyncio.to_thread(site.start, which)
            outcome.rounds += 1
        await asyncio.sleep(2)

    # A token that one of them ended may count at another for two seconds.
    return await Load([url], outcome, may_fail=False, settle=2.0).during(work())
