"""What happens when aiosqlite lacks one of the private names that Duet uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.main import create_app
from app.store import open_store
from app.store.sqlite.aiosqlite_names import NAMES
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused, missing_at, places, take_away


@places(NAMES)
def test_no_app_is_made_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """When aiosqlite has lost a name, no app is made on SQLite."""
    take_away(monkeypatch, place)
    assert_refused("aiosqlite", missing_at(place), lambda: create_app(make_settings(tmp_path)))


def test_mongodb_does_not_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not use SQLite can still be opened."""
    take_away(monkeypatch, NAMES.places[0])
    assert open_store("mongodb://127.0.0.1/duet").measurements.errors == 0
