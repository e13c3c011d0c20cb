"""What others notice while people log in: the time of an authenticated request, when idle and in a storm of
logins."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Mapping

from benchmarks.report import Context, Row, most
from benchmarks.systems import Login, System, is_logged_in
from benchmarks.wire import Connection, request

CLIENTS = 16
EVERY = 0.02
#: Half a second at each start: the answers of the phase before are still on their way.
SETTLE = 0.5
PROBES = ("page, with a session", "API, protected")


async def probe(url: str, headers: Mapping[str, str], until: float) -> list[float]:
    """Sends a request every 20 ms, and returns how many milliseconds each took."""
    message, taken = request(url, headers=headers), []
    async with Connection(url) as connection:
        while (started := time.perf_counter()) < until:
            answer = await connection.send(message)
            assert answer.status == 200, f"{url}: {answer.status}"
            taken.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(max(0.0, EVERY - (time.perf_counter() - started)))
    return taken


async def log_in(login: Login, number: int, until: float, outcomes: Counter[str]) -> None:
    """Logs in again and again, pausing only when a 503 asks for it."""
    message = login.message(number)
    async with Connection(login.url) as connection:
        while time.perf_counter() < until:
            answer = await connection.send(message)
            outcomes["in" if is_logged_in(answer) else str(answer.status)] += 1
            if answer.status == 503:
                await asyncio.sleep(float(answer.headers["retry-after"]))


async def phase(
    system: System, login: Login | None, seconds: float, outcomes: Counter[str]
) -> dict[str, list[float]]:
    """Runs for some seconds, with or without a storm."""
    until = time.perf_counter() + seconds
    storm = [
        asyncio.create_task(log_in(login, number, until, outcomes))
        for number in range(1, CLIENTS + 1)
        if login is not None
    ]
    await asyncio.sleep(SETTLE)
    names = [name for name in PROBES if name in system.probes]
    taken = await asyncio.gather(*(probe(*system.probes[name], until) for name in names))
    await asyncio.gather(*storm)
    return dict(zip(names, taken, strict=True))


def late(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def in_words(values: list[float]) -> str:
    """The median, the 99th percentile and the maximum."""
    return f"{statistics.median(values):.1f} / {late(values):.1f} / {max(values):.0f} ms"


def measure_one(context: Context, system: System, login: str) -> list[Row]:
    """Measures calm and storm in turn."""
    calm: dict[str, list[float]] = {}
    storm: dict[str, list[float]] = {}
    outcomes: Counter[str] = Counter()
    for _ in range(context.rounds if system.name == "Duet" else 2):
        for into, by in ((calm, None), (storm, system.logins[login])):
            found = asyncio.run(phase(system, by, context.seconds + SETTLE, outcomes))
            for name, values in found.items():
                into.setdefault(name, []).extend(values)
    where = f"storm on {system.name}'s {login}"
    rows = [Row("storm", f"{where}: logins", ", ".join(f"{count} {what}" for what, count in outcomes.items()))]
    for name, values in storm.items():
        rows.append(Row("storm", f"{where}: {name}, calm: median / p99 / most", in_words(calm[name])))
        rows.append(Row("storm", f"{where}: {name}, in the storm", in_words(values)))
        times = late(values) / late(calm[name])
        if system.name == "Duet":
            rows.append(most("storm", f"{where}: {name}, p99 in the storm : calm", times, limit=3))
            rows.append(most("storm", f"{where}: {name}, p99", late(values), limit=50, unit=" ms", digits=1))
        else:
            rows.append(Row("storm", f"{where}: {name}, p99 in the storm : calm", f"{times:.1f}"))
    return rows


def measure(context: Context, systems: list[System]) -> list[Row]:
    """Measures a storm on each way to log in."""
    return [row for system in systems for login in system.logins for row in measure_one(context, system, login)]
