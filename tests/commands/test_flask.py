"""`duet flask` runs Flask's commands, and those of a team's blueprints, within Duet's app."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.deploy.process import duet
from tests.kit.duet import SECRET

_TEAM = """
import click
from flask import Blueprint, current_app
from app.extension import Extension

blueprint = Blueprint("shop", __name__)

@blueprint.cli.command("fill")
@click.argument("number", type=int)
@click.option("--loud", is_flag=True)
def fill(number, loud):
    print("filled", number, loud, "login" in str(current_app.url_map))

extension = Extension("shop", blueprints=[blueprint])
taken = Extension("taken", blueprints=[Blueprint("admin", __name__)])
"""


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["shop", "fill", "3", "--loud"], 0, "filled 3 True True"),
        (["routes"], 0, "auth.login"),
        (["--help"], 0, "shop"),
        (["run"], 2, "No such command 'run'"),
        (["shop", "fill", "x"], 2, "'x' is not a valid integer"),
    ],
)
def test_flask_s_commands_run_within_duet_s_app(
    tmp_path: Path, arguments: list[str], code: int, text: str
) -> None:
    """A blueprint's command runs with its arguments; Flask's own server, which has no gate, is not there."""
    (tmp_path / "team.py").write_text(textwrap.dedent(_TEAM))
    ended = duet(tmp_path, "flask", *arguments, EXTENSIONS="team:extension", SECRET_KEY=SECRET)
    assert ended.returncode == code
    assert text in ended.stdout + ended.stderr


def test_a_refused_start_is_one_line(tmp_path: Path) -> None:
    """What stops `duet serve` stops this, too."""
    (tmp_path / "team.py").write_text(textwrap.dedent(_TEAM))
    ended = duet(tmp_path, "flask", "routes", EXTENSIONS="team:taken", SECRET_KEY=SECRET)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("duet: extension taken: blueprint admin: The name 'admin' is already registered")
