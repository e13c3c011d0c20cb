"""The results of the benchmarks, as one table."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Args:
        section: what it is about.
        what: what was measured.
        figure: what was found, with its spread.
        goal: what was wanted, if anything.
        reached: whether the goal was reached; None where there is none.
    """

    section: str
    what: str
    figure: str
    goal: str = ""
    reached: bool | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """How long everything may take, and where it happens.

    Args:
        rounds: how often each thing is measured, in turn with the others.
        seconds: how long each measurement takes.
        mongodb_url: the URL of a server, with a slash at its end, where a database's name is added.
        scratch: a folder on a disk, which is deleted afterwards.
    """

    rounds: int
    seconds: float
    mongodb_url: str
    scratch: Path


def spread(values: Sequence[float], unit: str = "", digits: int = 0) -> str:
    """The median, with the smallest and the largest value in brackets."""
    middle, low, high = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle}{unit} ({low} to {high})"


def ratio(section: str, what: str, value: float, *, least: float) -> Row:
    """A row for a ratio that should be at least that large."""
    return Row(section, what, f"{value:.2f}", f"at least {least:g}", value >= least)


def most(section: str, what: str, value: float, *, limit: float, unit: str = "", digits: int = 2) -> Row:
    """A row for a figure that should be at most that large."""
    return Row(section, what, f"{value:,.{digits}f}{unit}", f"at most {limit:g}{unit}", value <= limit)


def table(rows: Iterable[Row]) -> str:
    """The table in Markdown, below a line that describes the machine."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo")), 0)
    machine = f"{os.cpu_count()} cores ({processor}), {memory:.0f} GB, Python {platform.python_version()}"
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {machine}. The load generators ran on the same cores.",
        "",
        "| section | what | found | goal | |",
        "|---|---|---|---|---|",
    ]
    marks = {None: "", True: "reached", False: "**not reached**"}
    lines += [f"| {row.section} | {row.what} | {row.figure} | {row.goal} | {marks[row.reached]} |" for row in rows]
    return "\n".join(lines)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
