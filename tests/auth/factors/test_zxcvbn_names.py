"""zxcvbn without a name of its inside."""

from __future__ import annotations

import pytest

from app.auth.factors.passwords import Passwords
from app.auth.factors.zxcvbn_names import NAMES
from tests.packages.taking import assert_refused, missing_at, places, take_away


@places(NAMES)
def test_no_password_is_judged_without_it(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """What judges passwords is not built where zxcvbn has lost a name, so that nothing starts."""
    take_away(monkeypatch, place)
    assert_refused("zxcvbn", missing_at(place), lambda: Passwords(rounds=4, threads=1, min_length=15))
