"""Fixtures for the stores' own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.auth.ports import Store
from tests.store.records import opened


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    async with opened(database_url) as one:
        yield one
