"""How long the event loop stands still for one request with the worst permitted body, and what it costs in all.

`.venv/bin/python -m benchmarks.bodies` runs Duet in this process, on SQLite, and prints the costliest bodies of
each call. It counts processor time and not seconds, so that other programs on the machine change little.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from app.bodies import OWN_BYTES, OWN_FIELDS, USUAL_FIELDS
from app.main import create_app
from app.testing import PASSWORD, TestClient, login_as, make_settings
from examples.notes import extension
from tests.kit.cost import Body, form_bodies, json_bodies
from tests.kit.naughty import quiet

#: The paths that are asked, with their bodies: Duet's own, and those of the example's team.
ASKED: Final = {
    "/api/users": lambda: json_bodies(OWN_BYTES, ["email", "password", "name"]),
    "/api/auth/forgot-password": lambda: json_bodies(OWN_BYTES, ["email"]),
    "/api/auth/token": lambda: form_bodies(OWN_BYTES, OWN_FIELDS, ["grant_type", "username"]),
    "/login": lambda: form_bodies(OWN_BYTES, OWN_FIELDS, ["email"]),
    "/api/notes": lambda: json_bodies(1_048_576, ["text"]),
    "/notes": lambda: form_bodies(1_048_576, USUAL_FIELDS, ["text"]),
}


class Loop:
    """How long the event loop ran without a pause, at most, since `longest` was set to nought."""

    def __init__(self) -> None:
        self.longest = 0.0

    def watch(self) -> None:
        """Looks at every step of every event loop of this process."""
        step = asyncio.events.Handle._run

        def timed(handle: asyncio.Handle) -> Any:
            start = time.thread_time()
            try:
                return step(handle)
            finally:
                self.longest = max(self.longest, time.thread_time() - start)

        asyncio.events.Handle._run = timed  # type: ignore[method-assign]


def measure(client: TestClient, loop: Loop, path: str, body: Body, tries: int) -> tuple[float, float, int, int]:
    """The least of several tries: milliseconds of the loop in one go and in all, status, bytes answered."""
    _, kind, content = body
    best: tuple[float, float, int, int] | None = None
    for _ in range(tries):
        loop.longest, start = 0.0, time.process_time()
        answer = client.post(path, content=content, headers={"Content-Type": kind} if kind else {})
        taken = (time.process_time() - start) * 1000
        one = (loop.longest * 1000, taken, answer.status_code, len(answer.content))
        best = one if best is None else min(best, one)
    assert best is not None
    return best


def lines(client: TestClient, loop: Loop, path: str, tries: int, shown: int) -> Iterator[str]:
    """A line for each of the bodies that held the loop longest, and for the one that cost most in all."""
    found = [(*measure(client, loop, path, body, tries), body[0]) for body in ASKED[path]()]
    slowest = sorted(found, reverse=True)[:shown]
    dearest = max(found, key=lambda one: one[1])
    for held, taken, status, size, name in dict.fromkeys(chain(slowest, [dearest])):
        yield f"| `{path}` | {name} | {held:.1f} ms | {taken:.1f} ms | {status} | {size:,} |"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=5, help="for each body; the least counts")
    parser.add_argument("--shown", type=int, default=2, help="bodies of each path")
    given = parser.parse_args()
    loop = Loop()
    loop.watch()
    print(f"{os.cpu_count()} cores, {given.tries} tries, {time.strftime('%Y-%m-%d')}\n")
    print("| path | body | loop, in one go | in all | status | bytes answered |\n|---|---|---|---|---|---|")
    with quiet(), tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder))
        app = create_app(settings, extensions=[extension(settings)])
        with TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False) as client:
            login(client)
            gc.collect()
            gc.freeze()  # as `duet serve` does
            for path in ASKED:
                print("\n".join(lines(client, loop, path, given.tries, given.shown)), flush=True)


def login(client: TestClient) -> None:
    """Logs somebody in, on both halves."""
    login_as(client, "ada@example.com")
    form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
    token = client.post("/api/auth/token", data=form).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


if __name__ == "__main__":
    main()
