"""However a run of the tests ends, nothing that it started lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.programs import ROOT, wait_until

#: A run that starts the shared mongod, a Duet that was forked, and a program in another session,
#: and then waits.
TEST = """
import subprocess, sys, time
from pathlib import Path
from tests.deploy.process import served

def test_that_takes_long(mongod_url, tmp_path):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    with served(tmp_path):
        (Path(__file__).parent / "ready").touch()
        time.sleep(300)
"""


def processes(mark: str) -> dict[int, str]:
    """The command lines of the processes that have `mark` in their environment, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
def test_a_run_that_is_ended_leaves_no_process(number: signal.Signals, workers: int, tmp_path: Path) -> None:
    """Databases, servers and programs in other sessions end with the run, by Ctrl+C or otherwise."""
    (tmp_path / "test_long.py").write_text(TEST)
    # Whatever they start inherits the PATH, so their processes are recognised by it.
    mark = f":{tmp_path}"
    env = {**os.environ, "PATH": os.environ["PATH"] + mark, "PYTEST_DEBUG_TEMPROOT": str(tmp_path)}
    env.pop("TEST_MONGODB_URL", None)
    options = [
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "tests.conftest",
        "-p",
        "no:hypothesispytest",
        "-n",
        str(workers),
    ]
    command = [sys.executable, "-m", "scripts.reaper", sys.executable, "-m", "pytest", *options, str(tmp_path)]
    with (tmp_path / "log").open("wb") as log:
        run = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: (tmp_path / "ready").exists() or run.poll() is not None, seconds=120)
        before = " ".join(processes(mark).values())
        for name in ("scripts.reaper", "pytest", "bin/mongod", "tests.deploy.forks", "time.sleep(300)"):
            assert name in before, (tmp_path / "log").read_text()
        run.send_signal(number)
        assert run.wait(120) != 0
        assert processes(mark) == {}
    finally:
        for pid in processes(mark):
            os.kill(pid, signal.SIGKILL)
        run.wait()


def test_the_command_s_exit_code_is_the_run_s() -> None:
    """The command's exit code is the run's, even if a signal ended the run, as a shell reports it."""
    for code, expected in (("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137), ("", 0)):
        command = [sys.executable, "-m", "scripts.reaper", sys.executable, "-S", "-c", code]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == expected
