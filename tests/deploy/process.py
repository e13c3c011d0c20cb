"""Duet as a process of its own, as `duet serve` and `duet user …` run it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.programs import ROOT, free_port, is_listening, started


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The whole environment of such a process: no setting of this machine, quick hashes, data in `folder`."""
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
    return subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main(prog_name='duet')", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(folder, **variables),
        cwd=folder,
        check=False,
    )


@dataclass(frozen=True)
class Served:
    """A `duet serve` that answers."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path


@contextlib.contextmanager
def served(folder: Path, **variables: str) -> Iterator[Served]:
    """Runs `python -m app`, which is `duet serve`, on a free port, until the block is left."""
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
