"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.settings import make
from app.settings.cores import usable_cores


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, limit: str, cores: int) -> None:
    """A container's limit counts in whole cores, and never as none."""
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, 8), (300_000, 3), (0, 8)])
def test_the_older_form_of_limits_counts_too(tmp_path: Path, quota: int, cores: int) -> None:
    """The limit of the first version of cgroups counts too."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize("text", ["", "what?", "1", "-5 100000", "100000 0"])
def test_what_can_t_be_read_is_no_limit(tmp_path: Path, text: str) -> None:
    """A kernel that reports the limit in another way does not stop the start."""
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path) == 8


def test_without_limits_it_is_the_cores_that_the_process_may_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without limits the cores of the process count, or those of the machine if a system does not report these."""
    assert usable_cores(tmp_path) == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert usable_cores(tmp_path) == 3


def test_as_many_passwords_are_hashed_at_once(tmp_path: Path) -> None:
    """As many passwords are hashed at once as there are cores, unless the setting says otherwise."""
    assert make(data_dir=tmp_path).hash_threads == usable_cores()
    assert make(data_dir=tmp_path, hash_threads=3).hash_threads == 3
