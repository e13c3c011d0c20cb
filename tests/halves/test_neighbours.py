"""Several Duets on one database, as processes: which are refused, what one ends in the others, and what it
costs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import httpx
import pytest
from fastapi import APIRouter
from flask import Blueprint
from pymongo import MongoClient

from app.api.deps import CurrentPrincipal
from app.auth.keys import KeyRing, Purpose
from app.auth.models import Instance
from app.extension import Extension
from app.foundation import open_configured_store
from app.settings import Settings
from tests.auth.house import CountingStore, house_on
from tests.deploy.process import Served, duet, served
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, make_settings, running
from tests.kit.programs import free_port
from tests.kit.services import Mongod
from tests.store.records import make_instance, opened

NEW = "another secret of the tests: qT5xV9bN2mK7"
OTHER = "a third secret of the tests: Yp3LrD6wHs8J"
OTHER_PASSWORD = "battery horse correct"

#: A team's route and page that need a role, and others that only need a login.
DESK = """
from fastapi import APIRouter
from flask import Blueprint
from app.auth.policy import require
from app.extension import Extension
from app.foundation import open_configured_store
from app.settings import Settings

router = APIRouter(prefix="/desk")
pages = Blueprint("desk", __name__, url_prefix="/desk")

@router.get("")
@require(role="editor")
async def route() -> str:
    return "desk"

@router.get("/hello")
async def hello() -> str:
    return "hello"

@pages.get("")
@require(role="editor")
def page() -> str:
    return "desk"

@pages.get("/hello")
def page_hello() -> str:
    return "hello"

extension = Extension("desk", routers=[router], blueprints=[pages])
"""


@dataclass
class Site:
    """One database, and a folder for each process."""

    folder: Path
    database_url: str
    #: How long each change took to count in the other process, in seconds.
    took: dict[str, float] = field(default_factory=dict)

    def variables(self, *secrets: str, **more: str) -> dict[str, str]:
        """The settings of a process with these secrets."""
        return {
            "DATABASE_URL": self.database_url,
            "SECRET_KEY": secrets[0],
            "SECRET_KEY_FALLBACKS": ",".join(secrets[1:]),
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "RATE_LIMITS": "0",
            **more,
        }

    def home(self, name: str) -> Path:
        """The folder of a process, with the team's extension in it."""
        home = self.folder / name
        home.mkdir()
        (home / "desk.py").write_text(DESK)
        return home

    def served(self, name: str, *secrets: str) -> contextlib.AbstractContextManager[Served]:
        """Serves a process under its own name."""
        return served(self.home(name), **self.variables(*secrets, EXTENSIONS="desk:extension"))

    def refused(self, name: str, *secrets: str, **more: str) -> str:
        """Starts a process that is refused, and returns the line that says so."""
        port = str(free_port())
        result = duet(self.home(name), "serve", "--port", port, **self.variables(*secrets, **more))
        assert result.returncode == 2, result.stderr
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr

    def check(self, *secrets: str) -> subprocess.CompletedProcess[str]:
        """What `duet check` reports for these secrets."""
        return duet(self.home("check"), "check", **self.variables(*secrets))

    def announced(self) -> list[Instance]:
        """The processes in the store."""

        async def read() -> list[Instance]:
            async with opened(self.database_url) as store:
                return await store.instances()

        return asyncio.run(read())

    def make_users(self, **roles: str) -> None:
        """An account for each name, with that role."""

        async def make() -> None:
            async with house_on(self.database_url) as house:
                for name, role in roles.items():
                    await house.make_user(f"{name}@example.com", roles=[role] if role else [])

        asyncio.run(make())

    def raw(self) -> bytes:
        """Everything that the database holds, in raw form."""
        if self.database_url.startswith("sqlite"):
            return b"".join(path.read_bytes() for path in sorted(self.folder.glob("duet.db*")))
        with MongoClient[dict[str, Any]](self.database_url) as client:
            database = client.get_default_database()
            return b"".join(
                bson.encode(document)
                for name in database.list_collection_names()
                for document in database[name].find()
            )

    @contextlib.contextmanager
    def clock_that_is_slow(self, *secrets: str) -> Iterator[None]:
        """Announces a process on another machine, whose clock is five minutes behind."""
        begun, stop = threading.Event(), threading.Event()
        record = make_instance(
            "slow",
            host="elsewhere",
            name="web-9",
            issuer="http://127.0.0.1:8000",
            secrets=" ".join(KeyRing(secrets).fingerprints()),
        )

        async def go_on() -> None:
            async with opened(self.database_url) as store:
                while not stop.is_set():
                    seen = datetime.now(UTC) - timedelta(minutes=5)
                    await store.announce(replace(record, seen_at=seen))
                    begun.set()
                    await asyncio.sleep(0.5)
                await store.withdraw("slow")

        thread = threading.Thread(target=lambda: asyncio.run(go_on()))
        thread.start()
        try:
            assert begun.wait(20)
            yield
        finally:
            stop.set()
            thread.join()

    def within_two_seconds(self, what: str, ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
        """Asks until the answer has this status, and notes how long that took."""
        start = time.monotonic()
        while (answer := ask()).status_code != status and time.monotonic() < start + 2:
            time.sleep(0.02)
        assert answer.status_code == status, (what, answer.status_code, answer.text)
        self.took[what] = round(time.monotonic() - start, 2)
        return answer


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Site:
    """On each kind of database."""
    return Site(tmp_path, database_url)


@dataclass
class Person:
    """Somebody who logged in at one process and is seen by another, as a program and a browser."""

    api: ApiClient
    browser: Browser

    @classmethod
    def logged_in(cls, name: str, at: Served, seen_by: Served) -> Person:
        """Logs both in `at` one process; they go on at the other one with what they got there."""
        with ApiClient(at.url) as api, Browser(at.url) as browser:
            assert api.log_in(f"{name}@example.com").status_code == 200
            assert browser.log_in(f"{name}@example.com").status_code == 303
            person = cls(ApiClient(seen_by.url), Browser(seen_by.url))
            person.api.headers["Authorization"] = api.headers["Authorization"]
            for cookie, value in browser.cookies.items():
                person.browser.cookies.set(cookie, value, domain="127.0.0.1", path="/")
        return person

    def statuses(self, path: str) -> tuple[int, int]:
        """The API's and the pages' status for a path."""
        return self.api.get(f"/api{path}").status_code, self.browser.get(path).status_code

    def close(self) -> None:
        """Closes both connections."""
        self.api.close()
        self.browser.close()


def test_processes_on_one_database(site: Site) -> None:
    """A process is refused with other settings and let in with a secret that both know, and rights are current in
    both. Once one is killed and the other one stopped, the next one starts at once with any secret."""
    with (
        site.served("a", SECRET, NEW) as a,
        site.clock_that_is_slow(SECRET, NEW),
        ThreadPoolExecutor(2) as pool,
    ):
        checked = pool.submit(site.check, OTHER)
        assert_refused(site.refused("r1", OTHER), "SECRET_KEY is not the one of", a)
        algorithm = site.refused("r2", SECRET, JWT_ALGORITHM="EdDSA")
        assert_refused(algorithm, "JWT_ALGORITHM is EdDSA here and HS256 in", a)
        site.make_users(ada="admin", bob="editor", carl="editor", dora="editor")
        with site.served("b", NEW, SECRET) as b:
            assert_checked(checked.result(), a)
            assert {each.pid for each in site.announced()} >= {a.process.pid, b.process.pid}
            assert_rights_are_current(site, a, b)
            if site.database_url.startswith("mongodb"):
                assert_no_look_up_for_a_request(site.database_url, a, b)
            assert_nothing_secret(site.raw())
            b.process.send_signal(signal.SIGTERM)
            assert b.process.wait(60) == 0
        assert b.process.pid not in {each.pid for each in site.announced()}
        deadline = time.monotonic() + 60  # two beats pass before a wrong clock can be told from a dead process
        while "clocks_differ" not in (said := a.log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
    logging.getLogger(__name__).info("seconds until a change counted in the other process: %s", site.took)
    assert re.search(
        r"level=warning event=clocks_differ .*process 4711 on web-9 is about (29|30)\d seconds behind", said
    ), said
    assert "differs" not in said.replace("clocks_differ", "")
    with site.served("c", SECRET, NEW) as c:
        c.process.kill()
        c.process.wait()
        assert [each.pid for each in site.announced()] == [c.process.pid]
        with site.served("d", OTHER) as d:
            assert httpx.get(f"{d.url}/readyz").status_code == 200


def assert_refused(line: str, begin: str, running_one: Served) -> None:
    """Checks that the refusal names the setting and the process, and shows no secret."""
    assert re.match(rf"duet: {begin} process ({running_one.process.pid} on |4711 on web-9)", line), line
    for secret in (SECRET, NEW, OTHER):
        assert secret not in line


def assert_checked(result: subprocess.CompletedProcess[str], running_one: Served) -> None:
    """Checks that `duet check` names the processes whose secret or clock differs, and by how much."""
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    who = f"process {running_one.process.pid} on "
    assert [line for line in lines if line.startswith(f"FAIL  secrets: SECRET_KEY is not the one of {who}")], lines
    [clock] = [line for line in lines if line.startswith("FAIL  clock: ")]
    assert re.search(r"process 4711 on web-9 is about (29|30)\d seconds behind", clock), clock
    assert [line for line in lines if line.startswith("ok    settings")]


def assert_rights_are_current(site: Site, a: Served, b: Served) -> None:
    """Checks that what is done in one process counts in the other within two seconds, on both halves."""
    with ApiClient(a.url) as at_a, ApiClient(b.url) as at_b, contextlib.ExitStack() as stack:
        people = {name: Person.logged_in(name, a, b) for name in ("bob", "dora")}
        people["carl"] = Person.logged_in("carl", b, a)
        for person in people.values():
            stack.callback(person.close)
            assert person.statuses("/desk") == (200, 200)
        assert at_a.log_in("ada@example.com").status_code == 200
        at_b.headers["Authorization"] = at_a.headers["Authorization"]
        ids = {user["email"]: user["id"] for user in at_a.get("/api/admin/users").json()["items"]}

        bob = f"/api/admin/users/{ids['bob@example.com']}"
        assert at_a.patch(bob, json={"roles": []}).status_code == 200
        person = people["bob"]
        answer = site.within_two_seconds("role, API", lambda: person.api.get("/api/desk"), 401)
        assert "rights" in answer.headers["WWW-Authenticate"]
        site.within_two_seconds("role, page", lambda: person.browser.get("/desk"), 403)
        assert person.browser.get("/desk/hello").status_code == 200  # that logs nobody out

        carl = f"/api/admin/users/{ids['carl@example.com']}"
        assert at_b.patch(carl, json={"is_active": False}).status_code == 200
        person = people["carl"]
        site.within_two_seconds("disabled, API", lambda: person.api.get("/api/desk"), 401)
        site.within_two_seconds("disabled, page", lambda: person.browser.get("/desk"), 303)

        assert at_a.log_in("dora@example.com").status_code == 200
        words = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        assert at_a.post("/api/users/me/password", json=words).status_code == 204
        person = people["dora"]
        site.within_two_seconds("password, API", lambda: person.api.get("/api/desk"), 401)
        site.within_two_seconds("password, page", lambda: person.browser.get("/desk"), 303)


def assert_no_look_up_for_a_request(database_url: str, a: Served, b: Served) -> None:
    """Checks, by MongoDB's own record, that it was asked for the polls and nothing for a request."""
    person = Person.logged_in("bob", a, b)
    with MongoClient[dict[str, Any]](database_url) as client, contextlib.closing(person):
        database = client.get_default_database()
        database.command("profile", 2)
        for _ in range(100):
            assert person.statuses("/desk/hello") == (200, 200)
        time.sleep(1.2)  # this covers at least one poll of each
        database.command("profile", 0)
        asked = [
            (each["ns"].rpartition(".")[2], sorted(each["command"].get("filter", {})))
            for each in database["system.profile"].find({"op": "query"})
        ]
        database.drop_collection("system.profile")
    of_people = {(name, *keys) for name, keys in asked if name in ("users", "sessions", "personal_tokens")}
    assert of_people == {
        ("users", "rights_changed_at"),
        ("users", "unfinished.at", "unfinished.mark"),
        ("sessions", "revoked_at"),
    }
    assert len(asked) < 100


def assert_nothing_secret(raw: bytes) -> None:
    """Checks that no secret and no key derived from one is in the database, in any spelling."""
    assert b"web-9" in raw
    ring = KeyRing((SECRET, NEW))
    for each in ring.fingerprints():
        assert each.encode() in raw
    for secret in (SECRET.encode(), NEW.encode(), *(key.secret for kind in Purpose for key in ring.keys(kind))):
        spellings = (secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret))
        for spelling in spellings:
            assert spelling.rstrip(b"=") not in raw


def desk() -> Extension:
    """A team's route and page that only need a login."""
    router, pages = APIRouter(prefix="/desk"), Blueprint("desk", __name__, url_prefix="/desk")

    @router.get("/hello")
    async def hello(principal: CurrentPrincipal) -> str:
        return principal.user_id

    @pages.get("/hello")
    def page_hello() -> str:
        return "hello"

    return Extension("desk", routers=[router], blueprints=[pages])


def test_a_request_asks_no_store(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred requests with a valid token on each half ask the store nothing; only the polls do."""
    stores: list[CountingStore] = []

    def counted(settings: Settings) -> CountingStore:
        stores.append(CountingStore(open_configured_store(settings)))
        return stores[-1]

    monkeypatch.setattr("app.main.open_configured_store", counted)
    with (
        running(make_settings(tmp_path, database_url=database_url), extensions=[desk()]) as one,
        ApiClient(one.url) as api,
        Browser(one.url) as browser,
    ):
        one.make_user()
        api.log_in()
        browser.log_in()
        assert (api.get("/api/desk/hello").status_code, browser.get("/desk/hello").status_code) == (200, 200)
        [store] = stores
        store.calls.clear()
        for _ in range(100):
            assert api.get("/api/desk/hello").status_code == 200
            assert browser.get("/desk/hello").status_code == 200
        asked = list(store.calls)
    polls = {"revoked_since", "rights_changed_since", "signing_keys", "claim_letter", "announce", "instances"}
    assert (
        len([call for call in asked if call not in polls]) < 10
    )  # a mail about the login, and nothing for a request


def test_a_mismatch_that_shows_late_lets_nobody_in(tmp_path: Path) -> None:
    """A process that starts while the database is away learns of its neighbours only later: it opens its port, and
    keeps refusing as long as the other process lives."""
    mongod = Mongod(tmp_path / "mongod")
    url = f"{mongod.url}duet"
    first = make_settings(tmp_path / "first", database_url=url)
    second = make_settings(tmp_path / "second", database_url=url, secret_key=OTHER)
    mongod.start()
    try:
        with contextlib.ExitStack() as rest, ApiClient("http://127.0.0.1", timeout=10) as api:
            with running(first) as one:
                one.make_user()
                mongod.kill()
                two = rest.enter_context(running(second, extensions=[desk()]))
                assert reason(two.url) == (503, "store_unavailable")
                mongod.start()
                wait_for(lambda: reason(one.url) == (200, None))
                wait_for(lambda: reason(two.url) == (503, "neighbours"))
                api.base_url = two.url
                assert api.log_in().status_code == 200  # the password is right
                for _ in range(16):  # longer than the time between two polls
                    assert api.get("/api/desk/hello").status_code == 503
                    time.sleep(0.1)
            wait_for(lambda: reason(two.url) == (200, None))
            assert api.get("/api/desk/hello").status_code == 200
    finally:
        mongod.stop()


def reason(url: str) -> tuple[int, str | None]:
    """What `/readyz` reports."""
    answer = httpx.get(f"{url}/readyz", timeout=10)
    return answer.status_code, answer.json().get("reason")


def wait_for(is_so: Callable[[], bool]) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
