"""What a process writes to standard error: with `LOG_FORMAT=json` only JSON, and no traceback at its end."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.forks import fork
from tests.deploy.process import SERVE, duet, environment, served
from tests.kit.duet import SECRET
from tests.kit.live import connect, read_all
from tests.kit.programs import free_port, is_listening, wait_until

#: An extension that warns at its import and in a route, and whose streams never end.
TEAM = """
import asyncio, time, warnings
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from flask import Blueprint, Response
from app.auth.policy import public
from app.extension import Extension

warnings.warn("at the import", RuntimeWarning)
router = APIRouter(prefix="/team")
pages = Blueprint("team", __name__, url_prefix="/team")

@router.get("/warn")
@public
async def warn() -> str:
    warnings.warn("in a route", UserWarning)
    return "done"

@router.get("/events")
@public
async def events() -> StreamingResponse:
    async def forever():
        while True:
            yield "data: x\\n\\n"
            await asyncio.sleep(0.1)
    return StreamingResponse(forever(), media_type="text/event-stream")

@pages.get("/events")
@public
def page_events() -> Response:
    def forever():
        while True:
            yield "data: x\\n\\n"
            time.sleep(0.1)
    return Response(forever(), mimetype="text/event-stream")

extension = Extension("team", routers=[router], blueprints=[pages])
"""


BROKEN = """
import contextlib
from app.extension import Extension

@contextlib.asynccontextmanager
async def lifespan():
    raise OSError("broken")
    yield

extension = Extension("broken", lifespan=lifespan)
"""


def lines_of(text: str) -> list[dict[str, Any]]:
    """Every line, which has to be JSON."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_machine_reads_nothing_but_json(tmp_path: Path) -> None:
    """The greeting, Python's warnings and requests are JSON on standard error; the set-up link is not there."""
    (tmp_path / "team.py").write_text(TEAM)
    port = free_port()
    env = environment(tmp_path, EXTENSIONS="team:extension", LOG_FORMAT="json", EXTENSION="x")
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        with Path("/dev/null").open("rb") as nothing:
            process = fork(SERVE, ["--port", str(port)], streams=[nothing, out, err], env=env, cwd=tmp_path)
        try:
            wait_until(lambda: is_listening(port))
            assert httpx.get(f"http://127.0.0.1:{port}/api/team/warn").status_code == 200
            wait_until(lambda: "Set up " in (tmp_path / "out").read_text())
        finally:
            process.terminate()
            process.wait(60)
    told = lines_of((tmp_path / "err").read_text())
    [greeting] = [line for line in told if line["event"] == "serving"]
    assert (greeting["url"], greeting["port"]) == (f"http://127.0.0.1:{port}", port)
    warned = [line["event"] for line in told if line["logger"] == "py.warnings"]
    assert any("at the import" in text for text in warned)
    assert any("in a route" in text for text in warned)
    assert any("did you mean EXTENSIONS" in line.get("detail", "") for line in told)


def test_a_start_that_is_refused_says_so_in_json(tmp_path: Path) -> None:
    """Settings, extensions and a taken port: one line that a machine can read, with the usual exit codes."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for given, name, code in (
            ({"SECRET_KEY": "hush"}, "SECRET_KEY", 2),
            ({"EXTENSIONS": "no.such:extension"}, "EXTENSIONS", 2),
            ({"SECRET_KEY": SECRET}, f"port {port}", 1),
        ):
            result = duet(tmp_path, "serve", "--port", port, LOG_FORMAT="json", **given)
            assert result.returncode == code
            [line] = lines_of(result.stderr)
            assert (line["event"], line["level"]) == ("not_started", "error")
            assert name in line["detail"]


def test_what_crashes_at_the_start_is_json_as_well(tmp_path: Path) -> None:
    """An error that nobody foresaw, here of an extension's lifespan, is a line of JSON with its traceback."""
    (tmp_path / "team.py").write_text(BROKEN)
    given = {"LOG_FORMAT": "json", "EXTENSIONS": "team:extension"}
    result = duet(tmp_path, "serve", "--port", str(free_port()), **given)
    assert result.returncode != 0
    assert any("broken" in str(line) for line in lines_of(result.stderr))


def test_streams_that_never_end_are_cut_off_without_a_traceback(tmp_path: Path) -> None:
    """On SIGTERM one line counts the streams of pages and API that had to be given up."""
    (tmp_path / "team.py").write_text(TEAM)
    with served(tmp_path, EXTENSIONS="team:extension") as one:
        connections = []
        for path in ("/api/team/events", "/team/events"):
            connection = connect(one.url, seconds=60)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert b"data" in connection.recv(65536) + connection.recv(65536)
            connections.append(connection)
        one.process.send_signal(signal.SIGTERM)
        for connection in connections:
            read_all(connection)
            connection.close()
        assert one.process.wait(60) == 0
    said = one.log.read_text()
    assert "Traceback" not in said
    assert [line for line in said.splitlines() if "level=error" in line and "2 running task" in line]
    assert sum("level=error" in line for line in said.splitlines()) == 1
