"""Logins per second compared with the hashes that the processor can do, and what happens to logins beyond that."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections import Counter

import httpx

from benchmarks.measures.storm import CLIENTS
from benchmarks.report import Context, Row, ratio, spread
from benchmarks.systems import ACCOUNTS, ROOT, Login, System, email_of, figures_of, is_logged_in
from benchmarks.wire import Connection

FLOOD = 200

_RAW = """
import bcrypt, sys, threading, time
ends, salt, started = [], bcrypt.gensalt(12), time.perf_counter()
def work():
    while time.perf_counter() < started + float(sys.argv[1]):
        bcrypt.hashpw(b"a password for benchmarks", salt)
        ends.append(time.perf_counter())
threads = [threading.Thread(target=work) for _ in range(int(sys.argv[2]))]
[thread.start() for thread in threads], [thread.join() for thread in threads]
print(len(ends) / (max(ends) - started))
"""


def raw_rate(seconds: float) -> float:
    """Hashes per second of bcrypt alone, in as many threads as there are cores."""
    command = [sys.executable, "-c", _RAW, str(seconds), str(os.cpu_count())]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


async def _rate(login: Login, seconds: float) -> float:
    """The rate of all that began in that time: the processor has enough to do until the last one ends."""
    started, ends = time.perf_counter(), []

    async def client(number: int) -> None:
        message = login.message(number)
        async with Connection(login.url) as connection:
            while time.perf_counter() < started + seconds:
                if is_logged_in(await connection.send(message)):
                    ends.append(time.perf_counter())

    await asyncio.gather(*map(client, range(1, CLIENTS + 1)))
    return len(ends) / (max(ends) - started)


def measure(context: Context, systems: list[System]) -> list[Row]:
    """Logins per second on each, in turn with hashes alone."""
    subjects = {(system.name, by): login for system in systems for by, login in system.logins.items()}
    rates: dict[tuple[str, str], list[float]] = {key: [] for key in subjects}
    raw = []
    seconds = context.seconds * 2
    for number in range(context.rounds):
        raw.append(raw_rate(seconds))
        for key, login in subjects.items():
            if key[0] == "Duet" or not number:  # the peers have no goal to be judged by
                rates[key].append(asyncio.run(_rate(login, seconds)))
    rows = [Row("logins", "bcrypt alone, a thread for each core", spread(raw, "/s", 2))]
    for (name, by), found in rates.items():
        what = f"{name}: logins on the {by}"
        rows.append(Row("logins", what, spread(found, "/s", 2)))
        if name == "Duet":
            share = statistics.median(found) / statistics.median(raw)
            rows.append(ratio("logins", f"{what} : bcrypt alone", share, least=0.95))
    return rows


async def _flood(login: Login, url: str) -> tuple[Counter[int], list[float], list[float], int, float]:
    """Sends all at once. Returns the outcomes, the seconds to refusals and logins, and the longest queue."""
    started, outcomes = time.perf_counter(), Counter[int]()
    refused: list[float] = []
    served: list[float] = []

    async def client(number: int) -> None:
        async with Connection(login.url) as connection:
            answer = await connection.send(login.message(number))
        outcomes[200 if is_logged_in(answer) else answer.status] += 1
        assert answer.status != 503 or int(answer.headers["retry-after"]) >= 1
        (refused if answer.status == 503 else served).append(time.perf_counter() - started)

    tasks = [asyncio.create_task(client(number % (ACCOUNTS - 1) + 1)) for number in range(FLOOD)]
    longest, wait = 0.0, 0.0
    while not all(task.done() for task in tasks):
        figures = await asyncio.to_thread(figures_of, url)
        longest, wait = (
            max(longest, figures["duet_hash_waiting"]),
            max(wait, figures["duet_hash_expected_wait_seconds"]),
        )
        await asyncio.sleep(0.1)
    await asyncio.gather(*tasks)
    return outcomes, refused, served, int(longest), wait


def flood(system: System) -> list[Row]:
    """Two hundred logins at the same moment, on the API and on the page."""
    rows = []
    for by, login in system.logins.items():
        outcomes, refused, served, longest, wait = asyncio.run(_flood(login, system.url))
        whole = sum(outcomes.values()) == FLOOD and set(outcomes) <= {200, 503}
        rows.append(
            Row(
                "flood",
                f"{FLOOD} logins at once on Duet's {by}",
                f"{outcomes[200]} in, the last after {max(served):.1f} s; {outcomes[503]} told to come back, the "
                f"last after {max(refused, default=0):.1f} s; queue up to {longest}, {wait:.1f} s",
                "none lost, none hung",
                whole,
            )
        )
        assert httpx.get(f"{system.url}/readyz").status_code == 200, email_of(0)
    return rows
