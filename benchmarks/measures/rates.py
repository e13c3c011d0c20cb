"""Requests per second: Duet's routes and pages compared with the same ones unprotected, and with the peers'."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.report import Context, Row, ratio, spread
from benchmarks.systems import System

CONNECTIONS = 16
BARE, PROTECTED, BARE_PAGE, PAGE = "API, bare", "API, protected", "page, bare", "page, with a session"
Rates = dict[tuple[str, str], list[float]]


def wrk(url: str, headers: Mapping[str, str], seconds: float) -> float:
    """Answers per second. Ends the run if one of them was not a success."""
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", *given, url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        sys.exit(f"{url}: answers that are no success\n{out}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    assert rate
    return float(rate[1])


def measure(context: Context, systems: list[System]) -> list[Row]:
    """Measures each subject in turn, for several rounds; the first round is a warm-up and does not count."""
    rates: Rates = {(system.name, name): [] for system in systems for name in system.probes}
    for number in range(context.rounds + 1):
        for system in systems:
            for name, (url, headers) in system.probes.items():
                rate = wrk(url, headers, context.seconds if number else 1)
                if number:
                    rates[system.name, name].append(rate)
    rows = [Row("rate", f"{system}: {name}", spread(values, "/s")) for (system, name), values in rates.items()]
    middle = {key: statistics.median(values) for key, values in rates.items()}
    duet, (a, b, c) = systems[0].name, (system.name for system in systems[1:])
    own = middle[duet, PROTECTED]
    rows += [
        ratio("rate", "protected route : bare route, in one process", own / middle[duet, BARE], least=0.9),
        ratio("rate", f"protected route : that of {b}", own / middle[b, PROTECTED], least=4),
        ratio("rate", f"protected route : that of {c}", own / middle[c, PROTECTED], least=3),
        ratio("rate", f"page with a session : that of {a}", middle[duet, PAGE] / middle[a, PAGE], least=1.4),
        ratio("rate", "page with a session : bare page", middle[duet, PAGE] / middle[duet, BARE_PAGE], least=0.7),
    ]
    rows += [
        Row(
            "rate",
            f"{name}: protected route : its bare route",
            f"{middle[name, PROTECTED] / middle[name, BARE]:.2f}",
        )
        for name in (a, b, c)
    ]
    return rows
