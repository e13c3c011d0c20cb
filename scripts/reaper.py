"""Runs a command, and ends with it every process that came of it: python -m scripts.reaper COMMAND …

What a test started lives on when its own process is killed, or when Ctrl+C comes at the wrong moment: servers,
databases, browsers. Linux can give such orphans to this process, which then finds them below itself. Elsewhere the
command is run, and that is all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

#: Linux: `PR_SET_CHILD_SUBREAPER` of prctl(2), and `SI_KERNEL` of sigaction(2), the sender of a terminal's Ctrl+C.
CHILD_SUBREAPER: Final = 36
SI_KERNEL: Final = 0x80
#: How long the command may take to end once it is told to, and what is left over then, in seconds. A second signal
#: ends the first wait.
PATIENCE: Final = 20.0
GRACE: Final = 2.0

_ENDING: Final = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


def run(command: Sequence[str]) -> int:
    """Returns the command's exit code, or 128 and the number of the signal that ended it, as a shell does."""
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, signal.SIGCHLD})
    child = os.posix_spawnp(command[0], command, os.environ, setsigmask=())
    try:
        code = _wait(child)
    finally:
        _end_the_rest()
    return code if code >= 0 else 128 - code


def _wait(child: int) -> int:
    """The child's exit code. Signals that end are passed on to it."""
    deadline: float | None = None
    while True:
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        news = signal.sigtimedwait({*_ENDING, signal.SIGCHLD}, max(left, 0))
        if news is not None and news.si_signo in _ENDING:
            if news.si_code != SI_KERNEL:  # which the child has got as well
                os.kill(child, news.si_signo)
            deadline = time.monotonic() + (PATIENCE if deadline is None else 0)
        elif news is None and deadline is not None:
            os.kill(child, signal.SIGKILL)
            deadline = None
        if (code := _reap(child)) is not None:
            return code


def _reap(child: int) -> int | None:
    """Buries whoever has ended; the child's exit code, if it was among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = os.waitstatus_to_exitcode(ended[1])
    return found


def _end_the_rest() -> None:
    """Ends what is left below this process: politely, and after `GRACE` at once."""
    deadline = time.monotonic() + GRACE
    for pid in _below(os.getpid()):
        _send(pid, signal.SIGTERM)
    while rest := _below(os.getpid()):
        if time.monotonic() > deadline:
            for pid in rest:
                _send(pid, signal.SIGKILL)
        _reap(0)
        time.sleep(0.01)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)  # a test may have stopped it


def _below(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they did, and so on."""
    children: dict[int, list[int]] = {}
    for each, parent in _parents():
        children.setdefault(parent, []).append(each)
    found = [pid]
    for one in found:
        found += children.get(one, ())
    return found[1:]


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold anything.
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])


if __name__ == "__main__":
    if sys.platform != "linux":
        os.execvp(sys.argv[1], sys.argv[1:])
    sys.exit(run(sys.argv[1:]))
