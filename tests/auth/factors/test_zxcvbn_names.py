"""What happens when zxcvbn lacks one of the private names that Duet uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.auth.factors import ZXCVBN_PLACES
from app.foundation import build_configured_auth, open_configured_store
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused, missing_at, take_away


@pytest.mark.parametrize("place", ZXCVBN_PLACES)
def test_no_password_is_judged_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """Auth is not built when zxcvbn has lost a name, so nothing starts."""
    take_away(monkeypatch, place)
    settings = make_settings(tmp_path)
    store = open_configured_store(settings)
    assert_refused("zxcvbn", missing_at(place), lambda: build_configured_auth(settings, store))
