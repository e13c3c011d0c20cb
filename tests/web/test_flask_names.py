"""The start when Flask lacks a private name that Duet uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.main import create_app
from app.web.flask_names import NAMES
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused, missing_at, places, take_away


@places(NAMES)
def test_no_app_is_made_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """If Flask has lost a private name that Duet needs, no app is made."""
    take_away(monkeypatch, place)
    assert_refused("flask", missing_at(place), lambda: create_app(make_settings(tmp_path)))
