"""What a request costs: how often it asks the store, hashes, and crosses from a thread to the event loop.

The costs are counted on a whole Duet with its limits on, where the real calls are made. Each pass through a
store's breaker is one statement, one transaction or one batch; what SQLite runs, or MongoDB is sent, is counted
as well.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from fastapi import APIRouter
from flask import Blueprint
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from structlog.contextvars import get_contextvars

from app.api.deps import CurrentPrincipal
from app.auth.models import Client
from app.bridge import Crossing
from app.extension import Extension
from app.store.breaker import Breaker
from app.web import current_principal
from tests.kit.duet import ApiClient, Browser, Running, make_settings, running

#: The lookup, two counters in one transaction, and in another one the session, its row, two changes of counters
#: and two of devices. MongoDB, which has no transactions here, needs fewer commands.
LOGIN = 13


@dataclass
class Costs:
    """What the requests since `begin` cost. What Duet does by itself meanwhile does not count."""

    duet: Running
    store: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    hashes: int = 0
    crossings: int = 0

    def begin(self) -> None:
        """Counts from now on."""
        self.store.clear()
        self.statements.clear()
        self.hashes = self.crossings = 0


def quiet() -> Extension:
    """A route and a page for anyone who is logged in; they ask nothing themselves."""
    router, blueprint = APIRouter(prefix="/quiet"), Blueprint("quiet", __name__, url_prefix="/quiet")

    @router.get("")
    async def quiet_route(principal: CurrentPrincipal) -> str:
        assert principal.user_id
        return "ada@example.com is not asked for"

    @blueprint.get("")
    def quiet_page() -> str:
        assert current_principal.user_id
        return "ada@example.com is not asked for"

    return Extension(name="quiet", routers=[router], blueprints=[blueprint])


class Commands(CommandListener):
    """Hears what is sent to MongoDB for a request: the driver's threads run in the context of the caller."""

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard

    def started(self, event: CommandStartedEvent) -> None:
        if is_request():
            self._heard.append(f"{event.command_name} {event.command[event.command_name]}")

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


def listen(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    """Makes both databases' drivers report what they run for a request."""
    client, execute = AsyncIOMotorClient, aiosqlite.Connection._execute
    monkeypatch.setattr(
        "app.store.mongo.store.AsyncIOMotorClient", functools.partial(client, event_listeners=[Commands(heard)])
    )

    async def listening(self: aiosqlite.Connection, function: Any, *args: Any, **given: Any) -> Any:
        tell = (lambda sql: heard.append(" ".join(sql.split()[:3]))) if is_request() else None

        def run() -> Any:  # in the connection's own thread, which knows no context
            self._conn.set_trace_callback(tell)
            return function(*args, **given)

        return await execute(self, run)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(aiosqlite.Connection, "_execute", listening)


def is_request() -> bool:
    """Whether this is done for a request, and not by the process for itself."""
    return "request_id" in get_contextvars()


@pytest.fixture
def costs(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Costs]:
    """A Duet on each store, with a user."""
    call, wait = Breaker.call, Crossing.wait
    statements: list[str] = []
    listen(monkeypatch, statements)
    settings = make_settings(tmp_path, database_url=database_url, rate_limits=True)
    with running(settings, extensions=[quiet()]) as duet:
        costs = Costs(duet, statements=statements)

        async def counted_call(self: Breaker, work: Any, slots: Any) -> Any:
            if is_request():
                costs.store.append(work.__qualname__)
            return await call(self, work, slots)

        def counted_wait(self: Crossing, awaitable: Any) -> Any:
            costs.crossings += 1
            return wait(self, awaitable)

        pool = duet.auth.passwords.queue._pool
        submit = pool.submit

        def counted_submit(*args: Any, **kwargs: Any) -> Any:
            costs.hashes += 1
            return submit(*args, **kwargs)

        duet.make_user()
        monkeypatch.setattr(Breaker, "call", counted_call)
        monkeypatch.setattr(Crossing, "wait", counted_wait)
        monkeypatch.setattr(pool, "submit", counted_submit)
        yield costs


def test_a_login_on_the_api(costs: Costs) -> None:
    """A login costs one count, one lookup, one hash and one write, the first time and from a known device."""
    with ApiClient(costs.duet.url) as client:
        for _ in range(2):
            costs.begin()
            assert client.log_in().status_code == 200
            assert len(costs.store) == 3, costs.store
            assert len(costs.statements) <= LOGIN, costs.statements
            assert (costs.hashes, costs.crossings) == (1, 0)


def test_a_login_on_the_page(costs: Costs) -> None:
    """A login on the page costs one crossing more; a known browser is also counted by itself."""
    with Browser(costs.duet.url) as browser:
        for number in range(2):
            token = browser.csrf_token()
            costs.begin()
            form = {"csrf_token": token, "email": "ada@example.com", "password": "correct horse battery"}
            assert browser.post("/login", data=form).status_code == 303
            assert len(costs.store) == 3 + number, costs.store
            assert len(costs.statements) <= LOGIN + 2 * number, costs.statements
            assert (costs.hashes, costs.crossings) == (1, 1)
            browser.log_out()


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_a_login_that_fails(costs: Costs, email: str) -> None:
    """A failed login costs one lookup, one count, one hash and one audit row, with or without an account."""
    with ApiClient(costs.duet.url) as client:
        costs.begin()
        assert client.log_in(email, "not the password").status_code == 400
        assert len(costs.store) == 3, costs.store
        assert len(costs.statements) <= 6, costs.statements
        assert (costs.hashes, costs.crossings) == (1, 0)


def test_a_request_with_a_token(costs: Costs) -> None:
    """A request with a token makes no query, neither for the token nor for its rights."""
    with ApiClient(costs.duet.url) as client:
        client.log_in()
        costs.begin()
        assert client.get("/api/quiet").json() == "ada@example.com is not asked for"
        assert (costs.store, costs.hashes, costs.crossings) == ([], 0, 0)


def test_a_page_with_a_session(costs: Costs) -> None:
    """A page with a session makes no query and no crossing to find out who asks."""
    with Browser(costs.duet.url) as browser:
        browser.log_in()
        costs.begin()
        assert browser.get("/quiet").text == "ada@example.com is not asked for"
        assert (costs.store, costs.hashes, costs.crossings) == ([], 0, 0)


def test_a_refresh(costs: Costs) -> None:
    """A refresh is one step, in which the session is looked up, judged and written."""
    with ApiClient(costs.duet.url) as client:
        client.log_in()
        costs.begin()
        assert client.refresh().status_code == 200
        assert len(costs.store) == 1, costs.store
        assert len(costs.statements) <= 4, costs.statements
        assert (costs.hashes, costs.crossings) == (0, 0)


def test_a_renewal_of_a_session(costs: Costs) -> None:
    """A renewal is one lookup and one conditional write; the next request with the old cookie asks nothing."""
    with Browser(costs.duet.url) as browser:
        browser.log_in()
        session = browser.cookies["session"]
        user = costs.duet.wait(costs.duet.auth.accounts.find("ada@example.com"))
        # From now on the token in the cookie is out of date.
        costs.duet.wait(costs.duet.auth.administration.set_roles(user.id, ["editor"], Client("test")))
        for expected in (2, 0):
            costs.begin()
            answer = browser.get("/quiet", headers={"Cookie": f"session={session}"})
            assert answer.status_code == 200
            assert len(costs.store) == expected, costs.store
