"""Fixtures for the stores' own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.auth.ports import Store
from tests.kit.stores import made
from tests.store.records import opened


@pytest.fixture
def database_url(database_url: str) -> str:
    """The URL of an empty database of each kind, whose tables or indexes exist already."""
    return made(database_url)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    async with opened(database_url) as one:
        yield one
