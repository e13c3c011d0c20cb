"""Tells how many of the machine's cores this process may use, within the limits of its container."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def usable_cores(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Returns the number of whole cores, at least one.

    The number of cores does not show a container's limit on processor time. A process with a thread for each core
    of the machine uses up that limit at once, and the kernel then stops the whole process until the next period.

    Args:
        cgroups: where Linux shows the limits of this container.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = _limit(cgroups)
        cores = min(cores, quota // period)
    return max(1, cores)


def _limit(cgroups: Path) -> tuple[int, int]:
    """Returns the processor time per period, and the period, both in microseconds.

    Raises `OSError` or `ValueError` if there is no limit.
    """
    if (unified := cgroups / "cpu.max").exists():
        quota, period = unified.read_text().split()
    else:
        folder = cgroups / "cpu"
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    if int(quota) <= 0 or int(period) <= 0:  # version 1 says -1 if there is no limit
        raise ValueError("no limit")
    return int(quota), int(period)
