"""When more logins come than can be hashed, some are told to come back, but never a person who asks once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.bridge import PagesApp
from tests.kit.duet import ApiClient, Browser, Running, make_settings, running

FLOOD = 30
#: Hashes that may wait while each takes a second.
PLACES = 9


def log_in_by_api(url: str, email: str) -> httpx.Response:
    """Logs in as a program."""
    with ApiClient(url, timeout=30) as client:
        return client.log_in(email)


def log_in_by_page(url: str, email: str) -> httpx.Response:
    """Logs in as a person."""
    with Browser(url, timeout=30) as browser:
        return browser.log_in(email)


@pytest.fixture
def duet(tmp_path: Path) -> Iterator[Running]:
    """A Duet with two people, whose two hashing threads are busy until `free` frees them."""
    with running(make_settings(tmp_path, hash_threads=2)) as one:
        one.make_user("ada@example.com")
        one.make_user("eve@example.com")
        queue = one.auth.passwords.queue
        queue._running, queue._seconds_per_hash = 2, 1.0
        yield one


def free(duet: Running) -> None:
    """Lets the hashes begin."""

    async def both() -> None:
        for _ in range(2):
            duet.auth.passwords.queue._free_thread()

    duet.wait(both())


def until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("log_in", [log_in_by_api, log_in_by_page])
def test_a_flood_costs_another_person_a_turn(duet: Running, log_in: Callable[[str, str], httpx.Response]) -> None:
    """One account's logins fill the queue; the rest of them, and nobody else, are told at once to come back."""
    queue = duet.auth.passwords.queue
    with ThreadPoolExecutor(FLOOD + 1) as pool:
        flood = [pool.submit(log_in, duet.url, "eve@example.com") for _ in range(FLOOD)]

        def refused() -> list[Future[httpx.Response]]:
            return [one for one in flood if one.done()]

        until(lambda: len(refused()) == FLOOD - PLACES)
        assert queue.waiting == PLACES
        victim = pool.submit(log_in, duet.url, "ada@example.com")
        until(lambda: len(refused()) == FLOOD - PLACES + 1)  # one of the flood made room
        for one in refused():
            assert one.result().status_code == 503
            assert int(one.result().headers["Retry-After"]) >= 1
        assert not victim.done()
        free(duet)
        assert victim.result().status_code in (200, 303)
        codes = sorted(one.result().status_code for one in flood)
    assert codes.count(503) == queue.counts.refused == FLOOD - PLACES + 1
    assert set(codes[: PLACES - 1]) <= {200, 303}
    assert (queue.running, queue.waiting) == (0, 0)


def test_every_login_that_may_wait_finds_a_thread(tmp_path: Path) -> None:
    """As many pages may wait for a hash as hashes may wait; otherwise the first would keep all others out."""
    with running(make_settings(tmp_path, hash_threads=4, bcrypt_rounds=12)) as duet:
        apps = [getattr(route, "app", None) for route in duet.app.routes]
        (bridge,) = (app for app in apps if isinstance(app, PagesApp))
        threads = bridge._slow._threads._keep
        assert duet.auth.passwords.queue.capacity < threads <= 200
