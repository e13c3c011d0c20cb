"""Runs a command, and afterwards ends every process that came of it: python -m scripts.reaper COMMAND …

Servers, databases and browsers that a test started live on if the test's process is killed, or if Ctrl+C comes at
the wrong moment. Linux can give such orphans to this process, which then finds them below itself. On other systems
this only runs the command.
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
#: How long the command may take, once it is told to end, before its own children are ended for it, in seconds.
PATIENCE: Final = 1.0
#: How long it may take after that, and how long the processes that are left have between SIGTERM and SIGKILL.
GRACE: Final = 2.0

_ENDING: Final = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


def run(command: Sequence[str]) -> int:
    """Returns the command's exit code, or as a shell does 128 plus the number of the signal that ended it."""
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, signal.SIGCHLD})
    child = os.posix_spawnp(command[0], command, os.environ, setsigmask=(), setsigdef=_ENDING)
    code = None
    while code is None:
        news = signal.sigwaitinfo({*_ENDING, signal.SIGCHLD})
        if news.si_signo == signal.SIGCHLD:
            code = _reap(child)
        else:
            if news.si_code != SI_KERNEL:  # the kernel sends it to the child as well
                os.kill(child, news.si_signo)
            code = _hurry(child)
    while not _is_childless():
        _end_all_below(os.getpid())
    return code if code >= 0 else 128 - code


def _hurry(child: int) -> int:
    """Returns the exit code of the child, which was told to end and may be waiting for its own children."""
    if (code := _wait(child, PATIENCE)) is None:
        _end_all_below(child)
        code = _wait(child, GRACE)
    if code is None:
        os.kill(child, signal.SIGKILL)
        code = _wait(child, 60)
    return -signal.SIGKILL if code is None else code


def _wait(child: int, seconds: float) -> int | None:
    """Returns the child's exit code, or None if it takes longer."""
    deadline = time.monotonic() + seconds
    while (code := _reap(child)) is None and (left := deadline - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left)
    return code


def _reap(child: int) -> int | None:
    """Reaps the processes that have ended, and returns the child's exit code if it was among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = os.waitstatus_to_exitcode(ended[1])
    return found


def _is_childless() -> bool:
    """Whether no process is left, not even one that has ended since the last look."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _end_all_below(pid: int) -> None:
    """Ends all processes below one: by SIGTERM, and after `GRACE` by SIGKILL."""
    for each in _below(pid):
        _send(each, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while rest := _below(pid):
        if time.monotonic() > deadline:
            for each in rest:
                _send(each, signal.SIGKILL)
        time.sleep(0.01)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)  # a test may have stopped it


def _below(pid: int) -> list[int]:
    """The processes that `pid` started, those that these started, and so on, without those that have ended."""
    children: dict[int, list[int]] = {}
    for each, parent in _running():
        children.setdefault(parent, []).append(each)
    found = [pid]
    for one in found:
        found += children.get(one, ())
    return found[1:]


def _running() -> Iterator[tuple[int, int]]:
    """Each process that has not ended, with its parent."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The program's name stands in front, in brackets, and may hold anything.
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                yield int(path.parent.name), int(parent)


if __name__ == "__main__":
    if sys.platform != "linux":
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the caller's own command
    sys.exit(run(sys.argv[1:]))
