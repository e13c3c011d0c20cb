"""`duet serve` says in one line why an extension stops the start, and exits with 2."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from flask import Blueprint

from app.extension import Extension, NavLink
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

def failing(settings):
    return number / 0

def nested(settings):
    import json
    json.loads("{")

def mine(settings):
    return Extension("mine", init_app=lambda app, settings: missing)

def of_blueprint(settings):
    from flask import Blueprint
    blueprint = Blueprint("b", __name__)
    blueprint.record(lambda state: number / 0)
    return Extension("bad", blueprints=[blueprint])

def twice(settings):
    @public
    @require(role="admin")
    def both(): ...

def listed(settings):
    return Extension("listed", errors=[KeyError])
"""


_MODULES = {
    "team": textwrap.dedent(_TEAM),
    "broken": "x = 1\ny = (1,\n",
    "faulty": "def f(): raise ValueError('two\\nlines')\nf()\n",
    "lacking": "import nowhere\n",
}


def _serve(folder: Path, extensions: str, *, installed: bool) -> subprocess.CompletedProcess[str]:
    """Runs `duet serve` in `folder`, where `team.py` lies, until it ends: the installed program, or a fork."""
    for name, text in _MODULES.items():
        (folder / f"{name}.py").write_text(text)
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
        (
            "team:listed",
            (
                "duet: EXTENSIONS: can't load team:listed: TypeError: errors= is a dictionary"
                " (team.py, line 43, in listed)"
            ),
        ),
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


@pytest.mark.parametrize(
    ("extensions", "fault", "place"),
    [
        ("team:failing", "ZeroDivisionError: division by zero", "team.py, line 22, in failing"),
        ("team:nested", "JSONDecodeError: Expecting property name", "team.py, line 26, in nested"),
        ("broken:extension", "SyntaxError: '(' was never closed", "broken.py, line 2"),
        ("faulty:extension", "ValueError: two lines", "faulty.py, line 1, in f"),
        ("lacking:extension", "ModuleNotFoundError: No module named 'nowhere'", "lacking.py, line 1, in <module>"),
        ("team:mine", "NameError: name 'missing' is not defined", "team.py, line 29, in <lambda>"),
        ("team:of_blueprint", "ZeroDivisionError: division by zero", "team.py, line 34, in <lambda>"),
    ],
)
def test_a_fault_in_a_team_s_code_is_told_with_file_and_line(
    tmp_path: Path, extensions: str, fault: str, place: str
) -> None:
    """One line names the extension, the exception and the last line of the team's own code, and none of Duet's."""
    ended = _serve(tmp_path, extensions, installed=False)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (extensions in line) or "extension m" in line or "extension bad" in line
    assert f": {fault}" in line
    assert line.endswith(f"({place})")


@asynccontextmanager
async def _opened() -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"routers": APIRouter(prefix="/a")}, "routers= is a list of APIRouter"),
        ({"routers": [Blueprint("a", __name__)]}, "routers= is a list of APIRouter"),
        ({"blueprints": Blueprint("a", __name__)}, "blueprints= is a list of Blueprint"),
        ({"blueprints": [APIRouter(prefix="/a")]}, "blueprints= is a list of Blueprint"),
        ({"nav_links": ["/a"]}, "nav_links= is a list of NavLink"),
        ({"nav_links": NavLink("/a", "A")}, "nav_links= is a list of NavLink"),
        ({"on": [print]}, "on= is a dictionary"),
        ({"claims": print}, "claims= is a dictionary"),
        ({"errors": [KeyError]}, "errors= is a dictionary"),
        ({"lifespan": 1}, "lifespan= is a function"),
        ({"lifespan": _opened()}, "lifespan= is the function that makes the context manager, without its call"),
        ({"init_app": 1}, "init_app= is a function"),
    ],
)
def test_an_extension_says_what_its_arguments_are(given: dict[str, Any], line: str) -> None:
    """Something else is refused where the author wrote it, and not by a traceback or a broken page later."""
    with pytest.raises(TypeError, match=f"^{re.escape(line)}$"):
        Extension("team", **given)
