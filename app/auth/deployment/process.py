"""Which world of process ids this process lives in, and whether another one of it is gone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def process_host() -> str:
    """The same for two processes that know each other by their ids, and for no others.

    The boot of the machine and the namespace of process ids, in which each container has its own process 1. The
    machine's name where the system does not tell them.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def process_life() -> str:
    """The same for all that this process announces, and another one for an earlier process that had its id.

    When it began, in ticks since the machine did; '-' where the system does not tell.
    """
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[19]  # proc(5): the name, which may hold anything, is the second of all


def is_gone(pid: int) -> bool:
    """Whether there certainly is no process `pid` here. One that took over the id passes for it."""
    if sys.platform == "win32" or pid <= 0:  # there, signal 0 is Ctrl+C; below 1, many processes are meant
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's: it lives
        return False
    return False
