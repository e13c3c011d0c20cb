"""Duet as a separate process, as `duet serve` and `duet user …` run it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.forks import Forked, fork
from tests.kit.programs import ROOT, end, free_port, is_listening, started, wait_until_ready

#: The code that the command `duet` runs.
DUET = "from app.commands.cli import main; main(prog_name='duet')"
#: The code that `python -m app` runs.
SERVE = "import runpy; runpy.run_module('app', run_name='__main__', alter_sys=True)"


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The whole environment of such a process: no setting of this machine, fast hashes, and data in `folder`."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TESTING": "1",
        "BCRYPT_ROUNDS": "4",
        "DATA_DIR": str(folder / "data"),
        **variables,
    }


def duet(folder: Path, *arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `duet` to its end, in `folder`, with `given` as its standard input."""
    # The streams are files, so nobody has to read while it writes.
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(given.encode())
        stdin.seek(0)
        env = environment(folder, **variables)
        process = fork(DUET, arguments, streams=[stdin, out, err], env=env, cwd=folder)
        try:
            code = process.wait(60)
        finally:
            process.kill()
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
        return subprocess.CompletedProcess(["duet", *arguments], code, *said)


def duet_from_scratch(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `duet` in the same way, but as a program that imports everything itself, as outside of tests."""
    return subprocess.run(
        [sys.executable, "-c", DUET, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(folder, **variables),
        cwd=folder,
        check=False,
    )


@dataclass(frozen=True)
class Served:
    """A `duet serve` that answers requests."""

    url: str
    port: int
    process: subprocess.Popen[bytes] | Forked
    log: Path


@contextlib.contextmanager
def served(folder: Path, *options: str, **variables: str) -> Iterator[Served]:
    """Runs `python -m app`, which is `duet serve`, on a free port, until the block is left."""
    port = free_port()
    log = folder / "duet.log"
    with Path(os.devnull).open("rb") as nothing, log.open("wb") as output:
        streams, env = [nothing, output, output], environment(folder, **variables)
        process = fork(SERVE, ["--port", str(port), *options], streams=streams, env=env, cwd=folder)
    try:
        wait_until_ready(process, is_ready=lambda: is_listening(port), log=log, name="duet")
        yield Served(f"http://127.0.0.1:{port}", port, process, log)
    finally:
        end(process)


@contextlib.contextmanager
def served_from_scratch(folder: Path, **variables: str) -> Iterator[Served]:
    """Does the same with a program that imports everything itself, as outside of tests."""
    port = free_port()
    log = folder / "duet.log"
    with started(
        [sys.executable, "-m", "app", "--port", str(port)],
        is_ready=lambda: is_listening(port),
        log=log,
        env=environment(folder, **variables),
        cwd=folder,
    ) as process:
        yield Served(f"http://127.0.0.1:{port}", port, process, log)
