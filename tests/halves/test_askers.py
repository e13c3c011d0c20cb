"""On whose behalf a request waits for its turn, at the store above all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from flask import Blueprint

from app.auth.limits import Asker, asking
from app.auth.policy import public
from app.extension import Extension, Signal, SignalKind
from tests.kit.duet import ApiClient, Browser, Running, make_settings, running

HERE = "127.0.0.1"


class Askers:
    """An extension that tells who asks, on the API, on a page and at a login."""

    def __init__(self) -> None:
        self.logins: list[Asker] = []

    def extension(self) -> Extension:
        """Make it."""
        router, blueprint = APIRouter(prefix="/asker"), Blueprint("asker", __name__, url_prefix="/asker")

        @router.get("")
        @public
        async def asker_route() -> list[str]:
            return list(asking())

        @blueprint.get("")
        @public
        def asker_page() -> list[str]:
            return list(asking())

        async def note(signal: Signal) -> None:
            self.logins.append(asking())

        return Extension(name="asker", routers=[router], blueprints=[blueprint], on={SignalKind.LOGGED_IN: note})


@pytest.fixture
def askers() -> Askers:
    """What the extension notes."""
    return Askers()


@pytest.fixture
def duet(tmp_path: Path, askers: Askers) -> Iterator[Running]:
    """A Duet that tells who asks."""
    with running(make_settings(tmp_path), extensions=[askers.extension()]) as one:
        yield one


def test_s40_each_request_waits_on_behalf_of_its_account(duet: Running, askers: Askers) -> None:
    """It is the account's turn on both halves, the one that is tried at a login, and the client's for nobody."""
    user = duet.make_user()
    with ApiClient(duet.url) as api, Browser(duet.url) as browser:
        for client, path in ((api, "/api/asker"), (browser, "/asker")):
            assert client.get(path).json() == [HERE, ""]
            client.log_in()
            assert client.get(path).json() == [HERE, user.id]
    assert askers.logins == [Asker(HERE, user.email_key)] * 2
