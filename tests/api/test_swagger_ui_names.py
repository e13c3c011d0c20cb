"""The start when flask-swagger-ui lacks a file that Duet uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.api.swagger_ui_names import FILES
from app.main import create_app
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused


@pytest.mark.parametrize("name", FILES)
def test_no_app_is_made_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """If a file of Swagger UI is missing, no app is made, because the documentation would stay empty."""
    monkeypatch.setitem(FILES, name, tmp_path / "dist" / name)
    assert_refused("flask-swagger-ui", f"dist/ has no {name}", lambda: create_app(make_settings(tmp_path)))
