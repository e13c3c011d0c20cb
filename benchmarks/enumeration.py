"""Whether the time of a failed login reveals who has an account: interleaved tries, on the page and on the API.

`.venv/bin/python -m benchmarks.enumeration` starts Duet on SQLite and prints medians, and by how much they differ
from those of an email address that nobody has. Tests assert the steps that are taken; people judge the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx

from benchmarks.systems import free_port, server

PASSWORD: Final = "a password for benchmarks"
WRONG: Final = "not that one but another"
KNOWN, DISABLED, UNKNOWN = "known@example.com", "disabled@example.com", "nobody@example.com"
#: What is tried, with the email address and the password. The others are compared with the first.
FAILED: Final = {
    "unknown address": (UNKNOWN, PASSWORD),
    "wrong password": (KNOWN, WRONG),
    "disabled, right password": (DISABLED, PASSWORD),
    "disabled, wrong password": (DISABLED, WRONG),
}
#: The same for accounts at which others guess too often.
LOCKED: Final = {
    "unknown address, locked": (UNKNOWN, PASSWORD),
    "right password, locked": (KNOWN, PASSWORD),
    "wrong password, locked": (KNOWN, WRONG),
}
#: The bounds in the list of security behaviours, item 23.
MOST_PERCENT, MOST_MS = 5.0, 10.0

Cases = dict[str, tuple[str, str]]
Try = Callable[[str, str], int]


def command(data: str, *arguments: str, given: str = "", **environ: str) -> None:
    """Runs `duet` on the site in `data`."""
    run = [sys.executable, "-c", "from app.commands.cli import main; main(prog_name='duet')", *arguments]
    env = {**os.environ, "DATA_DIR": data, **environ}
    subprocess.run(run, input=given, env=env, text=True, check=True, capture_output=True)


@contextlib.contextmanager
def site(data: str, **environ: str) -> Iterator[str]:
    """A Duet over `data`, and its address."""
    url = f"http://127.0.0.1:{free_port()}"
    start = [sys.executable, "-m", "app", "--port", url.rpartition(":")[2]]
    with server(start, f"{url}/readyz", DATA_DIR=data, LOG_LEVEL="warning", **environ):
        yield url


def doors(client: httpx.Client) -> dict[str, Try]:
    """How to try on each half: each returns the status of the answer."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert found
    csrf_token = found[1]

    def on_api(email: str, password: str) -> int:
        form = {"grant_type": "password", "username": email, "password": password}
        return client.post("/api/auth/token", data=form).status_code

    def on_page(email: str, password: str) -> int:
        form = {"csrf_token": csrf_token, "email": email, "password": password}
        return client.post("/login", data=form).status_code

    return {"API": on_api, "page": on_page}


def measure(attempt: Try, cases: Cases, tries: int, expected: tuple[int, ...]) -> dict[str, list[float]]:
    """How long each try took, in milliseconds. The cases take turns, in another order each time."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for number in range(tries + 1):
        random.shuffle(names)
        for name in names:
            start = time.perf_counter()
            status = attempt(*cases[name])
            passed = (time.perf_counter() - start) * 1000
            if status not in expected:
                sys.exit(f"{name}: {status}, where {expected} was expected")
            if number:  # the first ones warm up
                taken[name].append(passed)
    return taken


def report(title: str, taken: dict[str, list[float]]) -> None:
    """Prints the medians, and their differences from the first."""
    print(title)
    base = statistics.median(next(iter(taken.values())))
    for name, values in taken.items():
        median = statistics.median(values)
        low, _, high = statistics.quantiles(values, n=4)
        difference, percent = median - base, (median / base - 1) * 100
        is_alike = abs(difference) < MOST_MS and abs(percent) < MOST_PERCENT
        verdict = "" if is_alike else "  more than is allowed"
        quarter = f"({low:.2f} to {high:.2f})"
        print(f"  {name:26} {median:8.2f} ms  {quarter:22} {difference:+7.2f} ms {percent:+6.1f} %{verdict}")


def lock(url: str, data: str) -> None:
    """Has both email addresses locked for longer than the whole measurement takes."""
    with httpx.Client(base_url=url) as client:
        for email in (KNOWN, UNKNOWN):
            form = {"grant_type": "password", "username": email, "password": WRONG}
            while client.post("/api/auth/token", data=form).status_code != 429:
                pass
    with closing(sqlite3.connect(Path(data, "duet.db"))) as database, database:
        database.execute("UPDATE hits SET blocked_until = blocked_until + 86400000")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12, help="BCRYPT_ROUNDS")
    parser.add_argument("--tries", type=int, default=200, help="of each case on each half")
    given = parser.parse_args()
    settings = {"BCRYPT_ROUNDS": str(given.rounds), "TESTING": "1" if given.rounds < 10 else "0"}
    print(
        f"{os.cpu_count()} cores, BCRYPT_ROUNDS={given.rounds}, {given.tries} tries, {time.strftime('%Y-%m-%d')}"
    )
    with tempfile.TemporaryDirectory() as data:
        for email in (KNOWN, DISABLED):
            command(data, "user", "create", email, "--password-stdin", given=f"{PASSWORD}\n", **settings)
        command(data, "user", "disable", DISABLED, **settings)
        with site(data, RATE_LIMITS="0", **settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            for half, attempt in doors(client).items():
                report(f"{half}: failed logins", measure(attempt, FAILED, given.tries, (400, 401)))
        with site(data, RATE_LIMITS="1", **settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            lock(url, data)
            for half, attempt in doors(client).items():
                report(f"{half}: locked accounts", measure(attempt, LOCKED, given.tries, (429,)))


if __name__ == "__main__":
    main()
