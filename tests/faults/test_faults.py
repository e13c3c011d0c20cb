"""A few rounds of the faults that `scripts/faults` injects in full: nothing may be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.rows import ROWS
from tests.faults.site import Site

#: The faults that take seconds, and which part of their full count runs here. The others wait for elections, for
#: timeouts and for a long load.
SHORT = {
    "kill -9, sqlite": 0.02,
    "tabs at once, 1 process, mongodb": 0.02,
    "refresh at log-out, 1 process, sqlite": 0.02,
    "refresh at disabling, 1 process, mongodb": 0.02,
    "SIGTERM, sqlite": 0.05,
}


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that was acknowledged is there after the fault, and everything that was ended stays ended."""
    monkeypatch.setattr(Site, "is_warm", True)
    [row] = [row for row in ROWS if row.name == name]
    outcome = row.run(tmp_path, SHORT[name])
    assert outcome.rounds
    assert outcome.losses == []
    print(outcome.figures, outcome.late)  # noqa: T201 - figures that are not asserted
