"""One running Duet for the unmodified libraries that other people use, and an account for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.auth.models import User
from tests.kit.duet import Running, make_settings, running
from tests.kit.programs import free_port

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
_numbers = itertools.count()


class Site:
    """A Duet whose `PUBLIC_URL` is where it listens, so that the URLs in its metadata can be called."""

    def __init__(self, duet: Running) -> None:
        self.duet = duet
        self.url = duet.url

    def make_user(self, **given: object) -> User:
        """Makes a new account, whose password is `PASSWORD`."""
        return self.duet.make_user(f"client{next(_numbers)}@example.com", **given)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """A Duet for each algorithm that was asked for, kept until the last test."""
    with ExitStack() as stack:
        yield _Sites(tmp_path_factory, stack)


class _Sites(dict[str, Site]):
    def __init__(self, folders: pytest.TempPathFactory, stack: ExitStack) -> None:
        super().__init__()
        self._folders = folders
        self._stack = stack

    def __missing__(self, algorithm: str) -> Site:
        port = free_port()
        settings = make_settings(
            self._folders.mktemp(algorithm), public_url=f"http://127.0.0.1:{port}", jwt_algorithm=algorithm
        )
        self[algorithm] = Site(self._stack.enter_context(running(settings, port=port)))
        return self[algorithm]


@pytest.fixture
def site(sites: dict[str, Site]) -> Site:
    """A Duet that signs with a key pair, as an operator with such clients would choose."""
    return sites["EdDSA"]


@pytest.fixture(autouse=True)
def _on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets what users of oauthlib and Authlib set where a server has no https, and no proxy for this machine."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
