"""Programs that tests start: found by name, given a free port, and ended by their process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[2]


def find_program(name: str) -> str:
    """The path of a program that is a Debian package of the same name.

    If it is missing, the test is skipped; in CI it fails, because nobody would notice the skip there.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is not None:
        return path
    reason = f"{name} is missing: sudo apt-get install {name}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    command: Sequence[str], *, is_ready: Callable[[], bool], log: Path, env: Mapping[str, str], cwd: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block is left.

    Args:
        is_ready: asked repeatedly; the block begins when it says yes.
        log: the file for both output streams.
        env: its whole environment.
        cwd: its working directory.

    Raises:
        RuntimeError: the program ended, or was not ready within a minute. The message has its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, cwd=cwd
        )
    try:
        wait_until_ready(process, is_ready=is_ready, log=log, name=command[0])
        yield process
    finally:
        end(process)


class Process(Protocol):
    """The common part of `subprocess.Popen` and `tests.deploy.forks.Forked`."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def wait_until_ready(process: Process, *, is_ready: Callable[[], bool], log: Path, name: str) -> None:
    """Wait until `is_ready` says yes. Raises `RuntimeError` if the process ended, or took over a minute."""
    deadline = time.monotonic() + 60
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start:\n{log.read_text()}")
        time.sleep(0.02)


def wait_until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until the condition holds. Raises `RuntimeError` if it does not within that many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"it does not hold after {seconds} seconds")
        time.sleep(0.02)


def end(process: Process) -> int:
    """End a process, politely or not, and return its exit code."""
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def is_listening(port: int) -> bool:
    """Whether something listens on `port` of 127.0.0.1."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
