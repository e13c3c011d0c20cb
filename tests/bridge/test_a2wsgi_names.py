"""a2wsgi without one of its private names."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bridge.a2wsgi_names import NAMES
from app.main import create_app
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused, missing_at, places, take_away


@places(NAMES)
def test_no_app_is_made_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """No app is made where a2wsgi has lost a name."""
    take_away(monkeypatch, place)
    assert_refused("a2wsgi", missing_at(place), lambda: create_app(make_settings(tmp_path)))
