"""Processes of `duet`, forked from one that has imported it already: the import takes as long as a whole test.

Each is a process like any other, with its own folder, environment, streams, signals and exit code. It is forked
from a single thread with nothing open, by a helper that starts with the first of them and ends with this process.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.kit.programs import ROOT


class _Open(Protocol):
    def fileno(self) -> int: ...


class Forked:
    """Such a process, to be used like a `subprocess.Popen`."""

    def __init__(self, pid: int, news: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._news = news

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end and returns its exit code. Raises `subprocess.TimeoutExpired` after the timeout."""
        if self.returncode is None:
            self._news.settimeout(timeout)
            try:
                self.returncode = int(self._news.recv(64))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("duet", timeout or 0) from None
            self._news.close()
        return self.returncode

    def poll(self) -> int | None:
        """Returns its exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the process is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


def fork(
    code: str, arguments: Sequence[str], *, streams: Sequence[_Open], env: Mapping[str, str], cwd: Path
) -> Forked:
    """Starts `python -c code` with these arguments.

    Args:
        code: to be run as the main program.
        arguments: its command line.
        streams: its standard input, output and error, as open files.
        env: its whole environment.
        cwd: its working directory.
    """
    order = {"code": code, "arguments": list(arguments), "env": dict(env), "cwd": str(cwd)}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        numbers = [theirs.fileno(), *(stream.fileno() for stream in streams)]
        socket.send_fds(_helper(), [json.dumps(order).encode()], numbers)
    ours.settimeout(60)
    return Forked(int(ours.recv(64)), ours)


@functools.cache
def _helper() -> socket.socket:
    """The socket to the helper, which lives from the first call until this process ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # No setting of this machine is passed on: Python settles its locale at the start, for all of the processes.
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    with theirs:
        helper = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=env, cwd=ROOT, stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        helper.wait(10)

    atexit.register(end)
    return ours


def _serve(orders: socket.socket) -> dict[str, Any] | None:
    """In the helper, starts a process for each order until none is left. In that process, returns the order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        data, numbers, _, _ = socket.recv_fds(orders, 1 << 20, 4)
        if not data:
            return None
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _keep(json.loads(data), numbers)
        for number in numbers:
            os.close(number)


def _keep(order: dict[str, Any], numbers: Sequence[int]) -> dict[str, Any]:
    """In the keeper, starts the process, waits for it, and reports its pid and its exit code."""
    news, *streams = numbers
    pid = os.fork()
    if pid == 0:
        os.close(news)
        for standard, stream in enumerate(streams):
            os.dup2(stream, standard)
            os.close(stream)
        return order
    os.write(news, b"%d" % pid)
    for stream in (0, 1, 2, *streams):
        os.close(stream)  # readers of these streams wait for the process alone
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        os.write(news, b"%d" % code)
    finally:
        os._exit(0)


def _run(order: dict[str, Any]) -> None:
    """In the process, does what `python -c` does."""
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    sys.path[0] = ""
    sys.argv = ["-c", *order["arguments"]]
    exec(order["code"], {"__name__": "__main__"})


if __name__ == "__main__":
    import aiosqlite  # noqa: F401
    import motor.motor_asyncio  # noqa: F401
    import uvicorn.lifespan.on  # noqa: F401
    import uvloop  # noqa: F401

    import app.commands.check
    import app.commands.cli
    import app.serving.server  # noqa: F401

    gc.freeze()
    if (mine := _serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        _run(mine)
