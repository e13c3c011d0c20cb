"""How many cores this process may use: of the machine's, those that its container leaves to it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def usable_cores(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole cores, at least one.

    A container's limit of processor time is not seen in the number of cores. Who starts a thread for each of the
    machine's uses the limit up at once, and the kernel then stops the whole process until the next period.

    Args:
        cgroups: where Linux tells the limits of this container.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = _limit(cgroups)
        cores = min(cores, quota // period)
    return max(1, cores)


def _limit(cgroups: Path) -> tuple[int, int]:
    """Microseconds of processor time in each period, and the period. Raises `OSError` or `ValueError` if none."""
    if (unified := cgroups / "cpu.max").exists():
        quota, period = unified.read_text().split()
    else:
        folder = cgroups / "cpu"
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    if int(quota) <= 0 or int(period) <= 0:  # version 1 says -1 where there is no limit
        raise ValueError("no limit")
    return int(quota), int(period)
