"""Processes of Duet on one database, which a fault may kill, end, and start again on the same port."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import httpx

from tests.deploy.forks import Forked, fork
from tests.deploy.process import SERVE, environment
from tests.kit.duet import SECRET
from tests.kit.programs import end
from tests.kit.services import free_service_port

#: How long a process may take until it is ready, in seconds.
READY_WITHIN = 60


class Site:
    """Some processes, all with the same settings.

    Args:
        folder: where their data and logs are.
        database_url: the database of all of them.
        processes: how many there are.
        command: a prefix of the interpreter's command, to change what the process sees of the machine.
        variables: further settings.

    Attributes:
        is_warm: whether processes are forked from one that has imported Duet already, which is quicker, or start
            as they do elsewhere.
    """

    is_warm = False

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        processes: int = 1,
        command: Sequence[str] = (),
        **variables: str,
    ) -> None:
        self.folder = folder
        self.ports = [free_service_port() for _ in range(processes)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self._command = command
        self.settings = {
            "DATABASE_URL": database_url,
            "SECRET_KEY": SECRET,
            "RATE_LIMITS": "0",
            "PUBLIC_URL": self.urls[0],  # all processes must name the same issuer of tokens
            "LOG_LEVEL": "warning",
            "EXTENSIONS": "tests.faults.desk:desk",
            **variables,
        }
        self._processes: dict[int, subprocess.Popen[bytes] | Forked] = {}

    def __enter__(self) -> Site:
        for number in range(len(self.ports)):
            self.start(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            end(process)

    @property
    def url(self) -> str:
        """The URL of the first process."""
        return self.urls[0]

    def process(self, number: int = 0) -> subprocess.Popen[bytes] | Forked:
        """A process that was started."""
        return self._processes[number]

    def log(self, number: int = 0) -> str:
        """What the process has written until now."""
        return (self.folder / f"duet{number}.log").read_text()

    def start(self, number: int = 0, **variables: str) -> float:
        """Starts a process, and returns after how many seconds it was ready.

        Raises:
            RuntimeError: it ended, or is not ready yet. The message holds its log.
        """
        begun = time.monotonic()
        process = self.launch(number, **variables)
        while not is_ready(self.urls[number]):
            if process.poll() is not None or time.monotonic() > begun + READY_WITHIN:
                raise RuntimeError(f"duet {number} did not start:\n{self.log(number)}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def launch(self, number: int = 0, **variables: str) -> subprocess.Popen[bytes] | Forked:
        """Starts a process without waiting for it."""
        arguments = ["--port", str(self.ports[number])]
        env = {**environment(self.folder, **self.settings), **variables}
        with Path(os.devnull).open("rb") as nothing, (self.folder / f"duet{number}.log").open("ab") as log:
            if self.is_warm and not self._command:
                streams = [nothing, log, log]
                self._processes[number] = fork(SERVE, arguments, streams=streams, env=env, cwd=self.folder)
            else:
                command = [*self._command, sys.executable, "-m", "app", *arguments]
                self._processes[number] = subprocess.Popen(
                    command, stdin=nothing, stdout=log, stderr=log, env=env, cwd=self.folder
                )
        return self._processes[number]

    def kill(self, number: int = 0) -> None:
        """Kills a process from one moment to the next (SIGKILL)."""
        self._processes[number].kill()
        self._processes[number].wait()

    def end(self, number: int = 0) -> tuple[int, float]:
        """Ends a process in an orderly way (SIGTERM). Returns its exit code, and how many seconds it took."""
        begun = time.monotonic()
        return end(self._processes[number]), time.monotonic() - begun

    def threads(self, number: int = 0) -> int:
        """How many threads a process has."""
        return len(os.listdir(f"/proc/{self._processes[number].pid}/task"))

    def descriptors(self, number: int = 0) -> int:
        """How many files, sockets and the like a process holds open."""
        return len(os.listdir(f"/proc/{self._processes[number].pid}/fd"))

    def memory(self, number: int = 0) -> float:
        """How much memory a process holds, in MB."""
        status = Path(f"/proc/{self._processes[number].pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


def is_ready(url: str) -> bool:
    """Whether the process at `url` says that it is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False, verify=False).status_code == 200
    except httpx.HTTPError:
        return False
