"""Starts Duet and a plain Flask under gunicorn, measures both with wrk in alternating rounds, prints one table."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
EMAIL, PASSWORD = "bench@example.com", "a password for benchmarks"


@dataclass
class Subject:
    """One thing that is measured: its address, what wrk sends, and the rates of the rounds."""

    name: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Requests per second."""
        return statistics.median(self.rates)

    def measure(self, seconds: int, connections: int) -> None:
        """One round. Stops the run if an answer was not a success."""
        headers = [part for name, value in self.headers.items() for part in ("-H", f"{name}: {value}")]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *headers, self.url]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in out:
            sys.exit(f"{self.name}: answers that are no success\n{out}")
        rate = re.search(r"Requests/sec:\s+([0-9.]+)", out)
        assert rate
        self.rates.append(float(rate[1]))


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextlib.contextmanager
def server(command: list[str], url: str, **environ: str) -> Iterator[None]:
    """Runs `command` until the block is left, and waits until `url` answers."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url)
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(15)


def subjects_of_duet(url: str) -> list[Subject]:
    """The routes and pages of `subject.extension`, with a token and a session."""
    with httpx.Client(base_url=url) as client:
        client.post("/api/users", json={"email": EMAIL, "password": PASSWORD}).raise_for_status()
        form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
        token = client.post("/api/auth/token", data=form).json()["access_token"]
        csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
        assert csrf
        client.post("/login", data={"csrf_token": csrf[1], "email": EMAIL, "password": PASSWORD})
        cookie = {"Cookie": f"session={client.cookies['session']}"}
    return [
        Subject("API route, bare", f"{url}/api/bench/bare"),
        Subject("API route, protected", f"{url}/api/bench/protected", {"Authorization": f"Bearer {token}"}),
        Subject("page, bare", f"{url}/bench/bare"),
        Subject("page, with a session", f"{url}/bench/protected", cookie),
    ]


def subject_of_gunicorn(url: str) -> Subject:
    """The same page under gunicorn, with Flask's own session and no token."""
    cookie = httpx.get(f"{url}/start").cookies["session"]
    return Subject("the same page under gunicorn (gthread)", f"{url}/page", {"Cookie": f"session={cookie}"})


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    duet, flask = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    gunicorn = ["-m", "gunicorn", "-k", "gthread", "--threads", "10", "-b", flask.removeprefix("http://")]
    with (
        tempfile.TemporaryDirectory() as data,
        server(
            [sys.executable, "-m", "app", "--port", duet.rsplit(":", 1)[1]],
            f"{duet}/readyz",
            DATA_DIR=data,
            EXTENSIONS="benchmarks.subject:extension_of",
            LOG_LEVEL="warning",
        ),
        server([sys.executable, *gunicorn, "benchmarks.subject:plain_flask()"], f"{flask}/start"),
    ):
        subjects = [*subjects_of_duet(duet), subject_of_gunicorn(flask)]
        for subject in subjects:
            subject.measure(1, given.connections)  # warm
            subject.rates.clear()
        for _ in range(given.rounds):
            for subject in subjects:
                subject.measure(given.seconds, given.connections)
    report(subjects)


def report(subjects: list[Subject]) -> None:
    """Prints medians, spread, and the ratios that are asked for."""
    print(f"{os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    for one in subjects:
        print(f"{one.name:42} {one.median:8.0f}/s  ({min(one.rates):.0f} to {max(one.rates):.0f})")
    bare, protected, bare_page, page, gunicorn = (one.median for one in subjects)
    print(f"protected API route : bare route          {protected / bare:.2f}")
    print(f"page with session   : bare page           {page / bare_page:.2f}")
    print(f"page with session   : page under gunicorn {page / gunicorn:.2f}")


if __name__ == "__main__":
    main()
