"""One Duet for the many small questions of a module."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.kit.duet import ApiClient, Running, make_settings, running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet on SQLite for a whole module; each test makes its own accounts."""
    with running(make_settings(tmp_path_factory.mktemp("duet"))) as one:
        yield one


_numbers = itertools.count()


@pytest.fixture
def sign_in(shared: Running) -> Iterator[Callable[..., ApiClient]]:
    """Makes an account and a client that is logged in to it; given its email address, makes another client."""
    clients: list[ApiClient] = []

    def make(email: str | None = None, **given: object) -> ApiClient:
        if email is None:
            email = f"user{next(_numbers)}@example.com"
            shared.make_user(email, **given)  # type: ignore[arg-type]
        client = ApiClient(shared.url, verify=False)
        client.email = email  # type: ignore[attr-defined]
        clients.append(client)
        assert client.log_in(email).status_code == 200
        return client

    yield make
    for client in clients:
        client.close()
