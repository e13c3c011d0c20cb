"""`duet serve` as a process: what it prints, what it does when its port is taken, and how it ends."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.deploy.process import Served, duet, served, served_from_scratch
from tests.kit.live import status, talk

#: A team's route and page that take a while. Each says when it is running.
SLOW = """
import asyncio, time
from pathlib import Path
from fastapi import APIRouter
from flask import Blueprint
from app.auth.policy import public
from app.extension import Extension

router = APIRouter(prefix="/slow")
pages = Blueprint("slow", __name__, url_prefix="/slow")

@router.get("/{seconds}")
@public
async def route(seconds: float) -> str:
    Path("entered").touch()
    await asyncio.sleep(seconds)
    return "done"

@pages.get("/<float:seconds>")
@public
def page(seconds: float) -> str:
    Path("entered").touch()
    time.sleep(seconds)
    return "done"

extension = Extension("slow", routers=[router], blueprints=[pages])
"""


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[Served, str], list[httpx.Response]]:
    """Requests a slow path in a thread, and returns once it is running; the answer is added to the list."""

    def ask(one: Served, path: str) -> list[httpx.Response]:
        answers: list[httpx.Response] = []

        # A client that is cut off gets no answer, which the empty list says.
        def get() -> None:
            with contextlib.suppress(httpx.TransportError):
                answers.append(httpx.get(f"{one.url}{path}", timeout=30))

        (tmp_path / "entered").unlink(missing_ok=True)
        threading.Thread(target=get).start()
        deadline = time.monotonic() + 60
        while not (tmp_path / "entered").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return answers

    return ask


def test_the_terminal_tells_where_everything_is(tmp_path: Path) -> None:
    """Once they are there, a few lines name the pages, the API's docs and the data."""
    with served_from_scratch(tmp_path) as one:
        assert httpx.get(f"{one.url}/login").status_code == 200
        assert httpx.get(f"{one.url}/api/docs").status_code == 200
        text = one.log.read_text()
    assert f"Duet      {one.url}\n" in text
    assert f"API docs  {one.url}/api/docs\n" in text
    assert f"Data      {tmp_path / 'data'}\n" in text


FROZEN = """
import gc
from fastapi import APIRouter
from app.auth.policy import public
from app.extension import Extension

router = APIRouter(prefix="/frozen")
made_at_the_start = {"a": []}

@router.get("")
@public
async def frozen() -> bool:
    return not any(one is made_at_the_start for one in gc.get_objects())

extension = Extension("frozen", routers=[router])
"""


def test_s38_the_garbage_collector_leaves_out_what_the_start_made(tmp_path: Path) -> None:
    """A request that makes many objects does not have the collector go through all that was imported and built."""
    (tmp_path / "frozen.py").write_text(FROZEN)
    with served(tmp_path, EXTENSIONS="frozen:extension") as one:
        assert httpx.get(f"{one.url}/api/frozen").json() is True


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    """A second Duet on the same port says so, prints no greeting and ends with exit code 1."""
    with served(tmp_path) as one:
        result = duet(tmp_path, "serve", "--port", str(one.port))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"port {one.port}" in result.stderr


@pytest.mark.parametrize("path", ["/api/slow/1", "/slow/1.0"])
def test_sigterm_lets_a_request_in_flight_finish(
    path: str, tmp_path: Path, ask: Callable[[Served, str], list[httpx.Response]]
) -> None:
    """A route and a page that are running when the process is told to stop are answered in full."""
    (tmp_path / "slow.py").write_text(SLOW)
    with served(tmp_path, EXTENSIONS="slow:extension") as one:
        answers = ask(one, path)
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(60) == 0
        assert [answer.status_code for answer in answers] == [200]
        assert "done" in answers[0].text


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_process_ends_at_once_and_cleanly(stop: signal.Signals, tmp_path: Path) -> None:
    """When an engine or Ctrl+C stops it, it ends with exit code 0 and without a warning."""
    with served_from_scratch(tmp_path) as one, httpx.Client() as client:
        client.get(f"{one.url}/login")  # a connection that stays open delays nothing
        one.process.send_signal(stop)
        assert one.process.wait(60) == 0  # after a SIGTERM the proxy is told first
        # The greeting's four lines and the request's, which is written after its answer is sent. The setup link is
        # printed besides, as soon as the database has said that there is no account.
        said = [line for line in one.log.read_text().splitlines() if not line.startswith("Set up ")]
        assert len(said) == 5
        assert "route=/login status=200" in said[-1]


def test_a_process_that_ends_tells_the_proxy_and_serves_meanwhile(tmp_path: Path) -> None:
    """For as long as a health check needs to notice, nobody is turned away."""
    with served(tmp_path) as one, httpx.Client() as client:
        client.get(f"{one.url}/login")
        one.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert httpx.get(f"{one.url}/healthz").status_code == 503
        for answer in (client.get(f"{one.url}/login"), httpx.get(f"{one.url}/login")):
            assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        assert one.process.wait(60) == 0


def test_sigterm_waits_for_nobody_longer_than_a_container_engine_does(
    tmp_path: Path, ask: Callable[[Served, str], list[httpx.Response]]
) -> None:
    """A route and a page that take too long are cut off, so that the process ends by itself within ten seconds."""
    (tmp_path / "slow.py").write_text(SLOW)
    with served(tmp_path, EXTENSIONS="slow:extension") as one:
        ask(one, "/api/slow/60")
        ask(one, "/slow/60.0")
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(40)  # sixty, if it waited for them


def test_hsts_is_on_what_is_refused_below_asgi_too(tmp_path: Path) -> None:
    """Behind a proxy that ends https, even malformed requests are answered with HSTS (item 28)."""
    with served(tmp_path, PUBLIC_URL="https://duet.example.com") as one:
        answer = talk(one.url, b"rubbish\r\n\r\n")
    assert status(answer) == 400
    assert b"\r\nstrict-transport-security: " in answer
