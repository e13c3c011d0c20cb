"""People who wait for a password hash do not occupy the threads of the quick pages."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from flask import Blueprint
from structlog.testing import capture_logs

from app.auth.factors import Proving
from app.auth.policy import public
from app.extension import Extension
from tests.kit.duet import PASSWORD, Browser, make_settings, running

WAITING = 16


def test_sixteen_logins_leave_the_quick_threads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While sixteen logins wait, each in a slow thread, two quick threads go on answering every other page."""
    with running(make_settings(tmp_path, web_threads=2)) as duet:
        duet.make_user()
        held, real = threading.Barrier(WAITING + 1), Proving.by_password
        may_go_on = threading.Event()

        async def by_password(*given: Any) -> Any:
            """Waits as for a hash, on the event loop's side, until the test lets it go on."""
            limiter = anyio.CapacityLimiter(1)  # its own: sixteen of them run at once
            await anyio.to_thread.run_sync(lambda: (held.wait(20), may_go_on.wait(20)), limiter=limiter)
            return await real(*given)

        monkeypatch.setattr(Proving, "by_password", by_password)
        with Browser(duet.url, verify=False) as quick, ThreadPoolExecutor(WAITING) as pool:
            token = quick.csrf_token()
            form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
            cookie = {"Cookie": f"session={quick.cookies['session']}"}

            def log_in() -> int:
                return httpx.post(
                    f"{duet.url}/login", data=form, headers=cookie, timeout=30, verify=False
                ).status_code

            waiting = [pool.submit(log_in) for _ in range(WAITING)]
            try:
                held.wait(20)
                threads = [one.name for one in threading.enumerate()]
                assert sum(name.startswith("slow-pages") for name in threads) >= WAITING
                for path in ("/login", "/register", "/nowhere", "/static/duet.css"):
                    for _ in range(3):
                        assert quick.get(path).status_code in (200, 404)
                assert not any(one.done() for one in waiting)
            finally:
                may_go_on.set()
            assert {one.result() for one in waiting} == {303}


def test_views_that_wait_keep_nobody_from_duet_s_own_pages(tmp_path: Path) -> None:
    """A team's views that wait take all quick threads, though their clients are gone; people log in meanwhile,
    and the log names the view once."""
    blueprint, waiting, may_end = Blueprint("shop", __name__), threading.Semaphore(0), threading.Event()

    @blueprint.get("/shop/report")
    @public
    def report() -> str:
        waiting.release()
        may_end.wait(60)
        return "done"

    extension = Extension(name="shop", blueprints=[blueprint])
    with running(make_settings(tmp_path, web_threads=2), extensions=[extension]) as duet, capture_logs() as logs:
        duet.make_user()
        port = int(duet.url.rpartition(":")[2])
        try:
            for number in range(6):  # two run, and four wait for their threads
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.sendall(b"GET /shop/report HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    if number < 2:
                        assert waiting.acquire(timeout=60)
            with Browser(duet.url) as browser:
                assert browser.log_in().status_code == 303
                assert browser.get("/account").status_code == 200
                assert browser.get("/nowhere").status_code == 404
            until(lambda: any(line["event"] == "view_keeps_a_thread" for line in logs))
        finally:
            may_end.set()
    told = [line for line in logs if line["event"] == "view_keeps_a_thread"]
    assert [(line["view"], line["remedy"]) for line in told] == [
        (f"{__name__}.{report.__qualname__}", "mark it @slow")
    ]


def until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
