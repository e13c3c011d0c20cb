"""One Duet for the many small questions of a module, and browsers to visit it with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from tests.kit.duet import Browser, Running, make_settings, running

#: Makes a browser: `visit()` for a stranger, `visit("ada@example.com")` for somebody who logs in.
Visit: TypeAlias = Callable[..., Browser]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet on SQLite for a whole module; each test makes its own accounts."""
    with running(make_settings(tmp_path_factory.mktemp("duet"))) as one:
        yield one


_numbers = itertools.count()


@pytest.fixture
def email(shared: Running) -> str:
    """The email address of this test's own account."""
    address = f"user{next(_numbers)}@example.com"
    shared.make_user(address)
    return address


@pytest.fixture
def visit(shared: Running) -> Iterator[Visit]:
    """Makes browsers on the shared Duet, each with its own cookies."""
    with ExitStack() as browsers:

        def make(email: str | None = None, **given: Any) -> Browser:
            browser = browsers.enter_context(Browser(shared.url, verify=False, **given))
            if email is not None:
                assert browser.log_in(email).status_code == 303
            return browser

        yield make
