"""The health check of the image, against a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.healthcheck import address_in
from tests.deploy.process import environment
from tests.deploy.test_listening import ask
from tests.kit.programs import ROOT, free_port, started

ADDRESSES = {
    "duet serve": ("127.0.0.1", 8000),
    "duet serve --host 0.0.0.0": ("127.0.0.1", 8000),
    "duet serve --host :: --port 80": ("127.0.0.1", 80),
    "duet serve --host=[::] --port=81": ("127.0.0.1", 81),
    "python -m app --port 9000 --host 10.1.2.3": ("10.1.2.3", 9000),
    "/sbin/docker-init -- duet serve --host ::1": ("::1", 8000),
    "duet serve --host [2001:db8::1]": ("2001:db8::1", 8000),
    "duet serve --host localhost": ("localhost", 8000),
}


@pytest.mark.parametrize("command", ADDRESSES)
def test_the_check_asks_where_the_command_says(command: str) -> None:
    """It follows --host and --port, in either form, and asks this machine where all addresses are meant."""
    assert address_in(command.split()) == ADDRESSES[command]


def check(process: int) -> int:
    """Runs the command of the Dockerfile, for another process than number 1."""
    text = (ROOT / "Dockerfile").read_text()
    assert 'HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m",' in text
    module = text.partition('CMD ["python", "-m", "')[2].partition('"]')[0]
    return subprocess.run(
        [sys.executable, "-m", module, str(process)], cwd=ROOT, timeout=60, check=False
    ).returncode


def test_a_duet_at_one_address_is_healthy_until_it_ends(tmp_path: Path) -> None:
    """The check finds a Duet that listens on another address than 127.0.0.1, and fails once that has ended."""
    port = free_port()
    command = [sys.executable, "-m", "app", "--host", "127.0.0.2", "--port", str(port)]
    with started(
        command,
        is_ready=lambda: ask("127.0.0.2", port) == 200,
        log=tmp_path / "log",
        env=environment(tmp_path),
        cwd=tmp_path,
    ) as process:
        assert check(process.pid) == 0
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert ask("127.0.0.2", port) == 0
    assert check(process.pid) != 0
