"""`scripts/faults` injects every fault as often as the table asks, and prints the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.rows import ROWS, Row


def main() -> int:
    """Runs what was asked for. Returns 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="faults whose name contains one of these words")
    parser.add_argument("--scale", type=float, default=1.0, help="this part of the rounds and seconds")
    given = parser.parse_args()
    rows = [row for row in ROWS if not given.only or any(word in row.name for word in given.only)]
    lost = 0
    print("| fault | rounds | losses | measured | took |\n|---|---|---|---|---|", flush=True)
    for row in rows:
        lost += _run(row, given.scale)
    return 1 if lost else 0


def _run(row: Row, scale: float) -> int:
    begun = time.monotonic()
    if row.reason is not None and (reason := row.reason()):
        print(f"| {row.name} | 0 | not run | {reason} | |", flush=True)
        return 0
    with tempfile.TemporaryDirectory(prefix="duet-faults-") as name:
        outcome = row.run(Path(name), scale)
    outcome.losses += outcome.late
    figures = ", ".join(f"{name} {value}" for name, value in outcome.figures.items())
    took = f"{time.monotonic() - begun:.0f} s"
    print(f"| {row.name} | {outcome.rounds:,} | {len(outcome.losses)} | {figures} | {took} |", flush=True)
    for loss in outcome.losses[:20]:
        print(f"  {loss}", file=sys.stderr, flush=True)
    return len(outcome.losses)


if __name__ == "__main__":
    sys.exit(main())
