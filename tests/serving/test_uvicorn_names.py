"""uvicorn without one of its private names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.serving.server import run
from app.serving.uvicorn_names import NAMES
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused, missing_at, places, take_away


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on, so that a start that is not refused ends there instead of serving
    forever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


@places(NAMES)
def test_nothing_is_served_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken_port: int, place: str
) -> None:
    """The start is refused before anything is opened where uvicorn has lost a name."""
    take_away(monkeypatch, place)
    settings = make_settings(tmp_path / "data")
    assert_refused("uvicorn", missing_at(place), lambda: run(settings, host="127.0.0.1", port=taken_port))
    assert not settings.data_dir.exists()
