"""What Duet needs: time to start, memory, and the processor while it is idle."""

from __future__ import annotations

import contextlib
import statistics
import time

from benchmarks.report import Context, Row, most, spread
from benchmarks.systems import System, duet, memory_of, ticks_of

IDLE_SECONDS = 10
STARTS = 5


def measure_start(context: Context) -> list[Row]:
    """The time from the command to the first answer of the login page."""
    taken = []
    for _ in range(STARTS):
        started = time.perf_counter()
        with duet(context, wait_for="/login"):
            taken.append(time.perf_counter() - started)
    return [
        Row("footprint", "start to the first answer", spread(taken, " s", 2)),
        most("footprint", "start to the first answer, median", statistics.median(taken), limit=1.5, unit=" s"),
    ]


def measure_idle(context: Context) -> list[Row]:
    """The processor time of an idle Duet, on both stores at once."""
    with contextlib.ExitStack() as stack:
        systems = {
            "SQLite": stack.enter_context(duet(context)),
            "MongoDB": stack.enter_context(duet(context, database_url=f"{context.mongodb_url}idle")),
        }
        time.sleep(2)
        before = {name: ticks_of(system.pids[0]) for name, system in systems.items()}
        time.sleep(IDLE_SECONDS)
        return [
            most(
                "footprint",
                f"processor while idle, on {name}",
                (ticks_of(system.pids[0]) - before[name]) / IDLE_SECONDS * 100,
                limit=1,
                unit=" % of a core",
            )
            for name, system in systems.items()
        ]


def measure_memory(systems: list[System]) -> list[Row]:
    """The memory after everything that came before, including the storms."""
    rows = []
    for system in systems:
        now = sum(memory_of(pid, "VmRSS") for pid in system.pids)
        if system.name == "Duet":
            peak = memory_of(system.pids[0], "VmHWM")
            rows.append(most("footprint", "Duet: most memory there was", peak, limit=130, unit=" MB", digits=0))
        else:
            rows.append(
                Row("footprint", f"{system.name}: memory, without a worker of gunicorn's", f"{now:.0f} MB")
            )
    return rows
