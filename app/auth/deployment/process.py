"""Tells which namespace of process ids this process lives in, and whether another process in it is gone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def process_host() -> str:
    """Returns a text that is the same for two processes only if they know each other by their process ids.

    It is made of the machine's boot id and the namespace of process ids, because each container has its own
    process 1. If the system does not tell them, it is the machine's name.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def process_life() -> str:
    """Returns a text that is the same for all that this process announces, and differs for an earlier process.

    It tells apart two processes that had the same id. It is the time at which the process began, in clock ticks
    since the machine's start, or '-' if the system does not tell.
    """
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[19]  # proc(5): the name, which may hold anything, is the second field


def is_gone(pid: int) -> bool:
    """Returns whether there certainly is no process `pid` here. A process that took over the id counts as it."""
    if sys.platform == "win32" or pid <= 0:  # on Windows, signal 0 is Ctrl+C; below 1, many processes are meant
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it belongs to somebody else, so it lives
        return False
    return False
