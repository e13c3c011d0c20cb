"""flask-swagger-ui without a file of its inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.api.swagger_ui_names import FILES
from app.main import create_app
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused


@pytest.mark.parametrize("name", FILES)
def test_no_app_is_made_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Where a file of Swagger UI's is not there no app is made: the documentation would stay empty."""
    monkeypatch.setitem(FILES, name, tmp_path / "dist" / name)
    assert_refused("flask-swagger-ui", f"dist/ has no {name}", lambda: create_app(make_settings(tmp_path)))
