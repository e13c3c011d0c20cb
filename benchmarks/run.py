"""Measures Duet and its peers in one run, and prints one table."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.observing import log
from benchmarks.measures import beside, footprint, logins, rates, refreshes, scale, storm, verifying
from benchmarks.report import Context, Row, table
from benchmarks.systems import System, duet, fastapi_users, flask_jwt, two_services, use_duet
from tests.kit.services import Mongod


@contextlib.contextmanager
def everything(context: Context) -> Iterator[list[System]]:
    """Runs Duet and the peers (a), (b) and (c), all at once: those that are not asked do next to nothing."""
    with contextlib.ExitStack() as stack:
        own = use_duet(stack.enter_context(duet(context)))
        yield [own, *(stack.enter_context(peer(context)) for peer in (two_services, fastapi_users, flask_jwt))]


def over_http(context: Context) -> list[Row]:
    """Measures what clients notice."""
    with everything(context) as systems:
        return [
            *told("rates", rates.measure, context, systems),
            *told("storms", storm.measure, context, systems),
            *told("logins", logins.measure, context, systems),
            *told("flood", logins.flood, systems[0]),
            *footprint.measure_memory(systems),
        ]


def told(name: str, work: Callable[..., list[Row]], *given: Any) -> list[Row]:
    """Says what is being measured and how long it took, for anyone who waits for the table."""
    started = time.perf_counter()
    rows = work(*given)
    print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return rows


SECTIONS: dict[str, Callable[[Context], list[Row]]] = {
    "http": over_http,
    "floods": beside.measure,
    "start": footprint.measure_start,
    "idle": footprint.measure_idle,
    "refreshes": refreshes.measure,
    "verifying": verifying.measure,
    "scale": scale.measure,
}


def main() -> None:
    """Runs the sections one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.5, help="of a round")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="these sections")
    parser.add_argument("--save", type=Path, help="a file that the table is written to as well")
    given = parser.parse_args()
    log.configure(style="text", level="warning")
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        mongod = Mongod(Path(name, "mongod"))
        mongod.start()
        try:
            context = Context(given.rounds, given.seconds, mongod.url, Path(name))
            rows = [row for section in given.only for row in told(section, SECTIONS[section], context)]
        finally:
            mongod.stop()
    print(table(rows))
    if given.save is not None:
        given.save.write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()
