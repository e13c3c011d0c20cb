"""Duets that run for the whole folder, and people who are new to each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from app.main import create_app
from app.serving.protocol import DuetProtocol
from tests.attacks import probe
from tests.attacks.forge import Forger, forging
from tests.attacks.victim import Victim, signed_in
from tests.kit.duet import ApiClient, Browser, Running, make_settings, running
from tests.kit.live import serve
from tests.kit.naughty import quiet

#: Makes a browser: `visit()` for a stranger, `visit("ada@example.com")` for somebody who logs in.
Visit: TypeAlias = Callable[..., Browser]
#: Makes a program that uses the API, in the same way.
Call: TypeAlias = Callable[..., ApiClient]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet on SQLite without limits, with the extension `probe`. Tests make their own accounts."""
    settings = make_settings(tmp_path_factory.mktemp("house"))
    with running(settings, extensions=[probe.extension()]) as one:
        yield one


@pytest.fixture(scope="session")
def https_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet that people reach at https://duet.example, through a proxy on this machine that it trusts."""
    settings = make_settings(
        tmp_path_factory.mktemp("https"), public_url="https://duet.example", trusted_proxies="127.0.0.1"
    )
    # `duet serve` does the same, for what is answered below ASGI.
    protocol = type("Https", (DuetProtocol,), {"https": True})
    with running(settings, extensions=[probe.extension()], protocol=protocol) as one:
        yield one


# The scope is the package and not one test, because a server may log something between two tests.
@pytest.fixture(scope="package", autouse=True)
def _few_lines() -> Iterator[None]:
    """Omits the lines about thousands of requests: rich tracebacks take seconds to draw, on the server's loop."""
    with quiet():
        yield


class Hasty(DuetProtocol):
    """Waits only a moment."""

    header_seconds = 0.5
    linger_seconds = 0.2


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole Duet that gives half-sent requests half a second."""
    settings = make_settings(tmp_path_factory.mktemp("hasty"))
    app = create_app(settings, extensions=[probe.extension()])
    app.middleware_stack._body_seconds = 0.5  # type: ignore[union-attr]
    with serve(app, protocol=Hasty) as url:
        yield Running(url, app, settings)


def new_address() -> str:
    """An email address that nobody had before."""
    return f"{uuid.uuid4().hex[:12]}@example.com"


@pytest.fixture
def email(house: Running) -> str:
    """The email address of an account that only this test uses."""
    return house.make_user(new_address()).email


@pytest.fixture(scope="session")
def victim(house: Running) -> Iterator[Victim]:
    """Somebody who is logged in on both halves of `house`. No test changes their account."""
    with signed_in(house, new_address()) as one:
        yield one


@pytest.fixture
def visit(house: Running) -> Iterator[Visit]:
    """Makes browsers on `house`, each with its own cookies."""
    with ExitStack() as opened:

        def make(email: str | None = None, *, duet: Running = house, **given: Any) -> Browser:
            browser = opened.enter_context(Browser(duet.url, verify=False, **given))
            if email is not None:
                assert browser.log_in(email).status_code == 303
            return browser

        yield make


@pytest.fixture
def call(house: Running) -> Iterator[Call]:
    """Makes programs that use the API of `house`."""
    with ExitStack() as opened:

        def make(email: str | None = None, *, duet: Running = house, **given: Any) -> ApiClient:
            client = opened.enter_context(ApiClient(duet.url, verify=False, **given))
            if email is not None:
                assert client.log_in(email).status_code == 200
            return client

        yield make


@pytest.fixture(scope="session")
def eddsa_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet like `house` whose access tokens are signed with a key pair."""
    settings = make_settings(tmp_path_factory.mktemp("eddsa"), jwt_algorithm="EdDSA")
    with running(settings, extensions=[probe.extension()]) as one:
        yield one


@pytest.fixture(scope="session", params=["HS256", "EdDSA"])
def keyed(request: pytest.FixtureRequest) -> Running:
    """A Duet with each kind of key: a derived secret, and a key pair."""
    duet: Running = request.getfixturevalue("house" if request.param == "HS256" else "eddsa_house")
    return duet


@pytest.fixture
def forger(keyed: Running) -> Iterator[Forger]:
    """Somebody who has the signing key."""
    with forging(keyed) as one:
        yield one
