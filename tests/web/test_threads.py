"""People who wait for a password hash do not occupy the threads of the quick pages."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from app.auth.factors import Proving
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
