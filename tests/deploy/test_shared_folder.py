"""A data folder that several users of group 0 take turns with, as on OpenShift, and one of a single user."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.forks import fork
from tests.deploy.process import DUET, environment
from tests.kit.duet import PASSWORD

#: Becomes somebody else, and then is `duet`.
_AS = "import os; os.umask(0o022); os.setgroups([]); os.setgid({group}); os.setuid({user}); " + DUET

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be others")


@pytest.fixture
def folder() -> Iterator[Path]:
    """The volume, as the image has it, in a place that every user reaches."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        data = Path(parent, "data")
        data.mkdir()
        data.chmod(0o770)
        yield data


def duet_as(user: int, group: int, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `duet` to its end as a user of a group."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(f"{PASSWORD}\n".encode())
        given.seek(0)
        env = environment(data.parent, DATA_DIR=str(data))
        code = _AS.format(user=user, group=group)
        process = fork(code, arguments, streams=[given, said, said], env=env, cwd=data.parent)
        try:
            exit_code = process.wait(60)
        finally:
            process.kill()
        said.seek(0)
        return subprocess.CompletedProcess(["duet"], exit_code, said.read().decode(), "")


def modes(data: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in data.iterdir() if path.is_file()}


def test_any_user_of_group_0_goes_on_where_another_was(folder: Path) -> None:
    """A container that comes back as another user reads the secret and writes the database of the first."""
    made = duet_as(1_000_810_000, 0, folder, "user", "create", "ada@example.com", "--password-stdin")
    assert made.returncode == 0, made.stdout
    assert modes(folder) == {0o660}
    more = duet_as(1_000_920_000, 0, folder, "user", "create", "bob@example.com", "--password-stdin")
    assert more.returncode == 0, more.stdout
    listed = duet_as(1_000_810_000, 0, folder, "user", "list")
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ["ada@example.com", "bob@example.com"]
    assert modes(folder) == {0o660}


def test_a_user_with_a_group_of_its_own_shares_nothing(folder: Path) -> None:
    """Everywhere else the secret and the database are their owner's alone, whatever the folder's mode is."""
    os.chown(folder, 10001, 0)
    made = duet_as(10001, 10001, folder, "user", "create", "ada@example.com", "--password-stdin")
    assert made.returncode == 0, made.stdout
    assert modes(folder) == {0o600}
