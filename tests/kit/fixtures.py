"""Fixtures that many tests share: a running Duet, on SQLite or on each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.duet import ApiClient, Browser, Running, make_settings, running


@pytest.fixture
def duet(tmp_path: Path) -> Iterator[Running]:
    """A Duet on SQLite, with its default settings."""
    with running(make_settings(tmp_path)) as one:
        yield one


@pytest.fixture(params=["sqlite", "mongodb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'duet.db'}"
    url: str = request.getfixturevalue("mongo_database_url")
    return url


@pytest.fixture
def browser(duet: Running) -> Iterator[Browser]:
    """A person using the pages, not logged in."""
    with Browser(duet.url) as one:
        yield one


@pytest.fixture
def api(duet: Running) -> Iterator[ApiClient]:
    """A program using the API, without a token."""
    with ApiClient(duet.url) as one:
        yield one
