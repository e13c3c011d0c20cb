"""`duet serve` says in one line why an extension stops the start, and exits with 2."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.deploy.process import duet
from tests.kit.duet import SECRET
from tests.kit.programs import free_port

_TEAM = """
from contextlib import asynccontextmanager
from fastapi import APIRouter
from app.auth.policy import PolicyError, public, require
from app.extension import Extension
from app.secret_key import SettingsError

taken = Extension("taken", routers=[APIRouter(prefix="/users")])
number = 7

def picky(settings):
    raise SettingsError("TEAM_COLOUR: is not a colour")

@asynccontextmanager
async def no_database():
    raise SettingsError("TEAM_DATABASE: can't be opened")
    yield

late = Extension("late", lifespan=no_database)

def twice(settings):
    @public
    @require(role="admin")
    def both(): ...
"""


def _serve(folder: Path, extensions: str, *, installed: bool) -> subprocess.CompletedProcess[str]:
    """Runs `duet serve` in `folder`, where `team.py` lies, until it ends: the installed program, or a fork."""
    (folder / "team.py").write_text(textwrap.dedent(_TEAM))
    arguments = ["serve", "--port", str(free_port())]
    if not installed:
        return duet(folder, *arguments, EXTENSIONS=extensions, SECRET_KEY=SECRET)
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), "SECRET_KEY": SECRET}
    return subprocess.run(
        [str(Path(sys.executable).with_name("duet")), *arguments],
        cwd=folder,
        env={**environ, "EXTENSIONS": extensions},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("extensions", "line"),
    [
        ("team:taken", "duet: extension taken: /api/users belongs to Duet already"),
        ("team:picky", "duet: TEAM_COLOUR: is not a colour"),
        ("team:late", "duet: TEAM_DATABASE: can't be opened"),
        ("team:number", "duet: EXTENSIONS: team:number is a int, not an Extension"),
        ("team:missing", "duet: EXTENSIONS: can't load team:missing: module 'team' has no attribute 'missing'"),
        ("nowhere:at_all", "duet: EXTENSIONS: can't load nowhere:at_all: No module named 'nowhere'"),
        ("team", "duet: EXTENSIONS: 'team' is not of the form package.module:attribute"),
        (
            "team:twice",
            "duet: team.twice.<locals>.both: it carries two markers, 'role admin' and 'public': keep one",
        ),
    ],
)
def test_a_refused_start_is_one_line_and_exit_code_2(tmp_path: Path, extensions: str, line: str) -> None:
    """The line names the fault, and there is no traceback, even if the lifespan refuses."""
    ended = _serve(tmp_path, extensions, installed=extensions == "team:late")  # the last one that is found
    assert ended.stderr.splitlines() == [line]
    assert (ended.returncode, ended.stdout) == (2, "")
