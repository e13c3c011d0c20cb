"""Looks at the database once a second, whatever people do, and measures how long that takes."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final

from app.auth.errors import StoreUnavailable
from app.auth.ports import Store
from app.store.measurements import StoreMeasurements

#: Pause between two looks, in seconds.
PAUSE: Final = 1.0


async def run_pulse(store: Store, measurements: StoreMeasurements) -> None:
    """Adds one duration a second to `measurements`, until it is cancelled. An outage is measured as well.

    The calls that requests cause are not measured. Somebody who may read the metrics could count them, and so
    learn whether a request had found an account.
    """
    while True:
        started = time.monotonic()
        with suppress(StoreUnavailable):
            await store.ping()
        measurements.seconds.add(time.monotonic() - started)
        await asyncio.sleep(PAUSE)
