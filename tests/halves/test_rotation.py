"""Keys change under load: no request fails, nobody is logged out, and each key is known before it signs."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx

from tests.auth.jws import head_of
from tests.deploy.process import duet as run
from tests.kit.duet import SECRET, ApiClient, Browser, Running, make_settings, running

#: How many seconds a key signs. The next one is published five seconds before the end.
PERIOD = 6


class Load:
    """Callers that go on until they are stopped. `stop` raises what went wrong in one of them."""

    def __init__(self) -> None:
        self._stopping = Event()
        self._pool = ThreadPoolExecutor(10)
        self._callers: list[Future[None]] = []
        self._clients: list[httpx.Client] = []
        self.calls = 0
        self.refreshes = 0
        #: When a key was first seen: in a key set, and in a token.
        self.published: dict[str, float] = {}
        self.signed: dict[str, float] = {}

    def start(self, call: Callable[[], None], *, pause: float = 0.05) -> None:
        """Calls again and again, from a separate thread."""

        def keep_on() -> None:
            while not self._stopping.is_set():
                call()
                self.calls += 1
                time.sleep(pause)

        self._callers.append(self._pool.submit(keep_on))

    def wait_until(self, what: Callable[[], bool], *, seconds: float) -> None:
        """Returns when `what` holds; raises at once if a caller has failed."""
        deadline = time.monotonic() + seconds
        while not what():
            for caller in self._callers:
                if caller.done():
                    caller.result()
            assert time.monotonic() < deadline, (self.published, self.signed)
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends all callers, and raises what one of them raised."""
        self._stopping.set()
        self._pool.shutdown()
        for client in self._clients:
            client.close()
        for caller in self._callers:
            caller.result()

    # The callers

    def api_client(self, urls: list[str]) -> Callable[[], None]:
        """A program on the API of each process in turn. It refreshes now and then, and when its key was
        retired."""
        client = ApiClient(urls[0])
        self._clients.append(client)
        assert client.log_in().status_code == 200
        turns = iter(range(10**9))

        def call() -> None:
            turn = next(turns)
            answer = client.get(f"{urls[turn % 2]}/api/users/me")
            if answer.status_code == 401:
                assert answer.json()["code"] == "key_retired", answer.text
                self.refreshes += 1
            else:
                assert answer.status_code == 200, answer.text
            if answer.status_code == 401 or turn % 10 == 9:
                form = {"grant_type": "refresh_token", "refresh_token": client.refresh_token}
                answer = client.post(f"{urls[turn % 2]}/api/auth/token", data=form)
                assert client._keep(answer).status_code == 200, answer.text
                self.signed.setdefault(head_of(client.access_token)["kid"], time.monotonic())
                assert client.get(f"{urls[1 - turn % 2]}/api/users/me").status_code == 200

        return call

    def browser(self, urls: list[str]) -> Callable[[], None]:
        """Somebody who reloads a page from each process in turn."""
        browser = Browser(urls[0])
        self._clients.append(browser)
        assert browser.log_in().status_code == 303
        turns = iter(range(10**9))

        def call() -> None:
            answer = browser.get(f"{urls[next(turns) % 2]}/account")
            assert answer.status_code == 200, answer.headers.get("Location")

        return call

    def poller(self, url: str) -> Callable[[], None]:
        """A service that reads the key set."""

        def call() -> None:
            began = time.monotonic()
            for key in httpx.get(f"{url}/.well-known/jwks.json").raise_for_status().json()["keys"]:
                self.published.setdefault(key["kid"], began)

        return call


def operator(folder: Path, database_url: str, *arguments: str) -> str:
    """`duet keys …`, with the settings of the site."""
    done = run(folder, "keys", *arguments, SECRET_KEY=SECRET, DATABASE_URL=database_url, JWT_ALGORITHM="EdDSA")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_keys_rotate_and_retire_under_load(tmp_path: Path, mongo_database_url: str) -> None:
    """While an operator rotates a key, another follows by itself and one is retired, in two processes on one
    database, nothing fails but a token of the retired key, on the API, until its refresh."""
    settings = make_settings(
        tmp_path,
        database_url=mongo_database_url,
        public_url="http://127.0.0.1:8000",
        jwt_algorithm="EdDSA",
        jwt_rotate_days=PERIOD / 86_400,
        web_threads=4,
    )
    with running(settings) as one, running(settings) as two:
        one.make_user()
        first = one.auth.signing.book.signer().kid
        assert two.auth.signing.book.signer().kid == first
        urls = [one.url, two.url]
        with Browser(one.url) as absent:
            assert absent.log_in().status_code == 303
            load = Load()
            try:
                _change_keys(load, urls, tmp_path, mongo_database_url, first)
                _see_it_retired(load, one, first)
            finally:
                load.stop()
            assert load.calls > 100
            # Those had a token of that key. There would be more if one process believed what another does not.
            assert load.refreshes <= 4
            # It is back after a while, with a token of the key that was retired meanwhile.
            assert absent.get(f"{two.url}/account").status_code == 200


def _change_keys(load: Load, urls: list[str], folder: Path, database_url: str, first: str) -> None:
    for url in urls:
        load.start(load.poller(url), pause=0.2)
    load.wait_until(lambda: first in load.published, seconds=5)
    for _ in range(2):
        load.start(load.api_client(urls))
        load.start(load.browser(urls))
    operator(folder, database_url, "rotate", "--lead", "5")
    load.wait_until(lambda: bool(load.signed.keys() - {first}), seconds=10)
    load.wait_until(lambda: len(load.published) >= 3, seconds=PERIOD + 3)  # this one comes by itself
    said = operator(folder, database_url, "retire", first)
    assert said.startswith(f"{first} is retired"), said


def _see_it_retired(load: Load, site: Running, kid: str) -> None:
    load.wait_until(lambda: _is_retired(site, kid), seconds=3)
    calls = load.calls
    load.wait_until(lambda: load.calls > calls + 50, seconds=5)
    assert kid not in {key["kid"] for key in site.auth.signing.book.jwks()["keys"]}
    assert len(load.signed) >= 2
    for name, instant in load.signed.items():
        assert load.published[name] < instant


def _is_retired(site: Running, kid: str) -> bool:
    key = site.auth.signing.book.find(kid)
    return key is not None and key.is_retired(site.auth.clock.now())
