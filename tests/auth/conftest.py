"""Fixtures for auth's own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.auth.house import House, house_on


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Auth over SQLite."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}") as one:
        yield one


@pytest.fixture
async def each_house(database_url: str) -> AsyncIterator[House]:
    """Auth over each kind of store."""
    async with house_on(database_url) as one:
        yield one


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[House]:
    """Auth over SQLite, with limits."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", rate_limits=True) as one:
        yield one


@pytest.fixture
async def each_limited(database_url: str) -> AsyncIterator[House]:
    """Auth over each kind of store, with limits."""
    async with house_on(database_url, rate_limits=True) as one:
        yield one
