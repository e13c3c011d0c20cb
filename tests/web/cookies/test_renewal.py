"""The renewal of a browser's token: once for a burst, with answers in any order, and with the store away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.cookies import age, forget_renewals, give_cookie, read_cookie, set_cookies, token_of
from tests.kit.duet import Browser, Running, make_settings, messages, running
from tests.kit.services import Mongod
from tests.web.conftest import Visit


class Counted:
    """Passes every call to a store, and counts the calls."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._store, name)


@pytest.fixture
def counted(shared: Running) -> Iterator[Counted]:
    """The store of the shared Duet's sessions, with its calls counted."""
    sessions = shared.auth.sessions
    store, counting = sessions.store, Counted(sessions.store)
    object.__setattr__(sessions, "store", counting)
    yield counting
    object.__setattr__(sessions, "store", store)


def test_a_burst_is_renewed_once(shared: Running, visit: Visit, email: str, counted: Counted) -> None:
    """Fifty requests at one moment with one expired token are all answered, and the store is asked once."""
    browser = visit(email)
    cookie = age(shared, browser)
    counted.asked.clear()

    async def burst() -> list[httpx.Response]:
        headers = {"Cookie": f"session={cookie}"}
        async with httpx.AsyncClient(base_url=shared.url, verify=False, headers=headers, timeout=30) as client:
            return await asyncio.gather(*(client.get("/account/password") for _ in range(50)))

    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(asyncio.run, burst()).result()
    assert {answer.status_code for answer in answers} == {200}
    assert counted.asked.count("session_with_user") == 1
    assert counted.asked.count("touch_session") == 1
    tokens = {read_cookie(shared, set_cookies(answer)["session"].value)["access_token"] for answer in answers}
    assert len(tokens) == 1


def test_a_token_that_counts_asks_no_store(shared: Running, visit: Visit, email: str, counted: Counted) -> None:
    """Between two renewals a token is verified without any look-up."""
    browser = visit(email)
    counted.asked.clear()
    for _ in range(3):
        assert browser.get("/reauthenticate").status_code == 200
    assert counted.asked == []


def test_a_late_answer_logs_nobody_out(shared: Running, visit: Visit, email: str) -> None:
    """A slow tab that puts an older cookie back does no harm, however often; renewed tokens count side by side."""
    browser = visit(email)
    old = age(shared, browser)
    seen = []
    for _ in range(4):
        give_cookie(browser, old)
        forget_renewals(shared)
        assert browser.get("/account").status_code == 200
        seen.append(browser.cookies["session"])
    for cookie in (*seen, old, *reversed(seen)):
        give_cookie(browser, cookie)
        assert browser.get("/account").status_code == 200


def test_a_renewal_is_no_login(shared: Running, visit: Visit, email: str) -> None:
    """A renewal moves neither the time of the login nor the session's end, and its token is a new one."""
    browser = visit(email)
    before = shared.auth.sessions.authenticate(token_of(shared, browser))
    age(shared, browser)
    assert browser.get("/account").status_code == 200
    after = shared.auth.sessions.authenticate(token_of(shared, browser))
    assert (after.session_id, after.auth_time) == (before.session_id, before.auth_time)
    assert after.token_id != before.token_id


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A MongoDB that this test may pause."""
    one = Mongod(tmp_path / "mongod")
    one.start()
    yield one
    one.stop()


def test_without_the_store_nobody_is_logged_out(mongod: Mongod, tmp_path: Path) -> None:
    """With an expired token and the database away, one's own pages are a 503; elsewhere the caller is anonymous.

    The cookie is left alone, a logout says that it could not be done, and all works when the database is back.
    """
    settings = make_settings(tmp_path, database_url=f"{mongod.url}duet")
    with running(settings) as duet, Browser(duet.url, verify=False, timeout=20) as browser:
        duet.make_user()
        browser.log_in()
        csrf_token = browser.csrf_token("/account")
        current = browser.cookies["session"]
        expired = age(duet, browser)
        mongod.pause()
        try:
            answer = browser.get("/account/password")
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert "We need a moment" in answer.text
            assert "Set-Cookie" not in answer.headers
            public = browser.get("/register")
            assert (public.status_code, "Log out" in public.text) == (200, False)
            assert messages(public.text) == []
            for cookie in (expired, current):
                give_cookie(browser, cookie)
                answer = browser.post("/logout", data={"csrf_token": csrf_token})
                assert answer.status_code == 503
                assert "access_token" in read_cookie(duet, browser.cookies["session"])
                assert "Set-Cookie" not in answer.headers or "access_token" in read_cookie(
                    duet, set_cookies(answer)["session"].value
                )
        finally:
            mongod.resume()
        give_cookie(browser, expired)
        deadline = time.monotonic() + 60
        while (answer := browser.get("/account")).status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answer.status_code == 200
        assert browser.log_out().status_code == 303
        give_cookie(browser, expired)
        assert browser.get("/account").status_code == 303
