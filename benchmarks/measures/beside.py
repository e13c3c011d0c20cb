"""Logins beside a flood of pages and of API calls, with a core for everything and with two."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time

from benchmarks.measures.rates import CONNECTIONS
from benchmarks.report import Context, Row
from benchmarks.systems import System, duet, is_logged_in, use_duet
from benchmarks.wire import Connection

#: What a stranger may ask for without end.
FLOODS = {"pages": "/login", "API calls": "/api/users/me"}
#: The share of the logins of a calm time that has to remain.
LEAST = 0.1


async def _logins(system: System, seconds: float) -> float:
    """Logins per second of one client that begins the next one when the last one has ended."""
    login, done = system.logins["API"], 0
    started = time.perf_counter()
    async with Connection(login.url) as connection:
        while time.perf_counter() < started + seconds:
            done += is_logged_in(await connection.send(login.message(1)))
    return done / (time.perf_counter() - started)


def _beside(system: System, path: str, seconds: float) -> tuple[float, float]:
    """Logins per second and answers per second while a flood asks for `path`."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds + 3:.0f}s", f"{system.url}{path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
        time.sleep(1)
        logins = asyncio.run(_logins(system, seconds))
        out = flood.communicate()[0]
    return logins, float(out.rpartition("Requests/sec:")[2].split()[0])


def measure(context: Context) -> list[Row]:
    """Measures with everything on one core, the flood and the client included, and then on two."""
    rows, everywhere, seconds = [], os.sched_getaffinity(0), context.seconds * 4
    for cores in ({min(everywhere)}, set(sorted(everywhere)[:2])):
        os.sched_setaffinity(0, cores)  # programs that are started from here inherit it
        try:
            with duet(context, RATE_LIMITS="0") as system:
                use_duet(system)
                calm = asyncio.run(_logins(system, seconds))
                for name, path in FLOODS.items():
                    logins, answers = _beside(system, path, seconds)
                    what = f"logins under a flood of {name}, {len(cores)} core{'s' * (len(cores) > 1)}"
                    figure = (
                        f"{logins:.2f}/s beside {answers:,.0f}/s; calm {calm:.2f}/s; {logins / calm:.2f} of it"
                    )
                    rows.append(Row("floods", what, figure, f"at least {LEAST} of it", logins >= LEAST * calm))
        finally:
            os.sched_setaffinity(0, everywhere)
    return rows
