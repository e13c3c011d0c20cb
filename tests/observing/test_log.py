"""An exception in the log: lines that people read, or one line for machines, with the team's frames last."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter
from flask import Blueprint

from app.auth.policy import public
from app.extension import Extension
from app.observing import log
from app.observing.tracebacks import Trace
from tests.kit.duet import Running, make_settings, running

#: What a stranger may put into an exception's message.
FORGED = "\ntimestamp=2026-01-01T00:00:00Z level=info event=logged_in user_id=1\r\x1b[2J\u2028end"


def _fail(text: str) -> str:
    raise LookupError(f"no project {text}")


def _team() -> Extension:
    """A page and a route with a first mistake, one that a package reports, and one that leads to another."""
    blueprint, router = Blueprint("team", __name__, url_prefix="/team"), APIRouter(prefix="/team")

    @blueprint.get("/fail")
    @public
    def page() -> str:
        return _fail(FORGED)

    @blueprint.get("/package")
    @public
    def package() -> str:
        return str(json.loads("{"))

    @router.get("/fail")
    @public
    async def route() -> str:
        try:
            return _fail(FORGED)
        except LookupError as error:
            raise RuntimeError("on the way") from error

    return Extension("team", blueprints=[blueprint], routers=[router])


@pytest.fixture(scope="module")
def duet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet whose extension makes mistakes."""
    with running(make_settings(tmp_path_factory.mktemp("duet")), extensions=[_team()]) as one:
        yield one


Logged = Callable[[str, str], str]


@pytest.fixture
def logged(duet: Running, capsys: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """What the log says of the failure of a request for a path, in a style."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("uvicorn", "aiosqlite", "pymongo")}

    def ask(style: Any, path: str) -> str:
        log.configure(style=style, level="info")
        structlog.configure(cache_logger_on_first_use=False)
        capsys.readouterr()
        assert httpx.get(f"{duet.url}{path}").status_code == 500
        found = re.search(r"^.*request_failed.*\n(?: .*\n)*", capsys.readouterr().err, re.MULTILINE)
        assert found
        return found[0]

    yield ask
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


@pytest.mark.parametrize("path", ["/team/fail", "/api/team/fail"])
def test_a_mistake_is_shown_line_by_line_with_the_team_s_frames_last(logged: Logged, path: str) -> None:
    """Both halves show the team's own frames, the innermost last, and say how many they leave out."""
    first, *lines = logged("text", path).splitlines()
    assert len(first) < 300
    assert int(re.search(r"frames_left_out=(\d+)", first)[1]) > 10  # type: ignore[index]
    files = [line for line in lines if line.lstrip().startswith("File ")]
    assert len(files) == (2 if path == "/team/fail" else 3)
    assert all(__file__ in line for line in files)
    assert "in _fail" in files[1]
    assert any("raise LookupError(" in line for line in lines)


@pytest.mark.parametrize("path", ["/team/fail", "/api/team/fail"])
def test_s32_an_exception_s_message_forges_no_line(logged: Logged, path: str) -> None:
    """What stands in a message is indented and printable, so that it never looks like a line of the log."""
    text = logged("text", path)
    _, *lines = text.rstrip("\n").split("\n")
    assert all(line.startswith("    ") and line.isprintable() for line in lines)
    assert any("event=logged_in" in line for line in lines)


def test_what_a_package_raised_is_named(logged: Logged) -> None:
    """Where a package raised it, the line says in which, and the team's call of it stands last."""
    first, *lines = logged("text", "/team/package").splitlines()
    assert re.search(r"raised_in=\S+/json/decoder.py:\d+ raw_decode", first.replace('"', ""))
    assert [__file__ in line for line in lines if line.lstrip().startswith("File ")] == [True]


@pytest.mark.parametrize("path", ["/team/fail", "/api/team/fail"])
def test_machines_get_one_line_with_the_frames_as_a_list(logged: Logged, path: str) -> None:
    """JSON has the exception, its frames, and those of what led to it, in one line."""
    (line,) = logged("json", path).splitlines()
    entry = json.loads(line)
    assert entry["frames"][-1]["file"] == __file__
    assert set(entry["frames"][-1]) == {"file", "line", "function", "code"}
    assert entry["frames_left_out"] > 10
    if path == "/team/fail":
        assert entry["exception"].startswith("LookupError: no project")
        assert [frame["function"] for frame in entry["frames"]] == ["page", "_fail"]
    else:
        assert entry["exception"] == "RuntimeError: on the way"
        assert [frame["function"] for frame in entry["causes"][0]["frames"]] == ["route", "_fail"]


def test_without_a_team_s_frame_all_are_shown() -> None:
    """What fails in Duet or in a package alone is shown whole, since that is what has to be mended."""
    try:
        json.loads("{")
    except ValueError as error:
        inner = error.with_traceback(error.__traceback__.tb_next)  # type: ignore[union-attr]
    trace = Trace(inner)
    assert trace.left_out == 0
    assert {Path(frame["file"]).parent.name for frame in trace.fields()["frames"]} == {"json"}


def test_an_endless_recursion_is_capped() -> None:
    """A thousand frames of one function are fifty."""

    def again() -> None:
        again()

    with pytest.raises(RecursionError) as caught:
        again()
    assert len(Trace(caught.value).fields()["frames"]) == 50
