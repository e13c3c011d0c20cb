"""Schemathesis, run as its users run it, against the OpenAPI document of a real Duet: with and without a login."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.duet import PASSWORD, Running

HERE = Path(__file__).parent
ADMIN = "admin@example.com"


def run(duet: Running, folder: Path, *arguments: str, **variables: str) -> str:
    """The output of `st run` with every check on, in `folder`, where it may leave files."""
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{duet.url}/api/openapi.json", "--max-examples", "7", "--no-color"),
        # The cases are the same each time: what is found by luck is a nuisance to anyone who changes something
        # else.
        *("--generation-deterministic", *arguments),
    ]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def cases(report: str) -> int:
    """How many calls it made up."""
    found = re.search(r"(\d+) generated", report)
    assert found, report[-3000:]
    return int(found[1])


def test_strangers_find_nothing(duet: Running, tmp_path: Path) -> None:
    """Whatever a stranger sends, every answer is one that the description names, and none is a 5xx."""
    assert cases(run(duet, tmp_path, "--warnings", "off")) > 500


def test_an_admin_finds_nothing(duet: Running, tmp_path: Path) -> None:
    """Whatever an admin sends, every answer is one that the description names, and none is a 5xx."""
    duet.make_user(ADMIN, roles=("admin",))
    report = run(
        duet,
        tmp_path,
        SCHEMATHESIS_HOOKS=str(HERE / "schemathesis_hooks.py"),
        DUET_URL=duet.url,
        DUET_ADMIN=ADMIN,
        DUET_PASSWORD=PASSWORD,
    )
    assert cases(report) > 500
    assert "returned only 401/403" not in report, "the login did not last"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is on this machine, so no proxy may be used."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
