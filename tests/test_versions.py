"""No package is older than the version in which a known hole was closed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: The oldest version of each that is acceptable.
OLDEST = {
    "pyjwt": (2, 13),
    "starlette": (1, 3, 1),
    "python-multipart": (0, 0, 32),
    "flask": (3, 1, 3),
    "a2wsgi": (1, 10, 10),
}


def numbers(text: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


@pytest.mark.parametrize("name", OLDEST)
def test_no_package_is_older_than_it_may_be(name: str) -> None:
    """Neither what is installed here, nor what the lock file pins, nor what pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lower_bounds = dict(line.split(">=") for line in project["project"]["dependencies"])
    pinned = re.search(rf"^{name}==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pinned
    for found in (version(name), pinned[1], lower_bounds[name]):
        assert numbers(found) >= OLDEST[name]
