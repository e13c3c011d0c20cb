"""Several containers behind a proxy, of which one after the other is replaced under load."""

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
    """Caddy, with the file of `deploy/`, in front of them all: where it answers."""
    port, https_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    with caddy_at(url, folder, port, https_port, site.ports, waits_for=port):
        yield url


async def replaced(site: Site, url: str, *, rounds: int) -> Outcome:
    """Ends one, and starts it again, one after the other. No request fails."""
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

    # A token that one of them ended may count at another one for two seconds.
    return await Load([url], outcome, may_fail=False, settle=2.0).during(work())
