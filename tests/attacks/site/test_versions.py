"""Item 37: no package is older than the version in which a known hole was closed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import pytest

from tests.kit.programs import ROOT

#: The oldest acceptable version of each package.
OLDEST = {
    "pyjwt": (2, 13),
    "starlette": (1, 3, 1),
    "python-multipart": (0, 0, 32),
    "flask": (3, 1, 3),
    "a2wsgi": (1, 10, 10),
}


def numbers(text: str) -> tuple[int, ...]:
    """A version as numbers. A pre-release such as 2.13.0rc1 does not count as a mended version."""
    assert re.fullmatch(r"\d+(\.\d+)*", text), text
    return tuple(map(int, text.split(".")))


def pinned(name: str) -> dict[str, str]:
    """The versions in a lock file."""
    lines = (ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\\n]+)", lines, re.MULTILINE))


def declared() -> dict[str, str]:
    """The versions that pyproject.toml asks for, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    parts = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?([^;]*)", line) for line in project["dependencies"]]
    return {part[1].lower().replace("_", "-"): part[2] for part in parts if part}


@pytest.mark.parametrize("name", OLDEST)
def test_s37_nothing_is_older_than_the_mended_version(name: str) -> None:
    """What is installed, what both lock files pin, and the oldest that pyproject.toml allows are new enough."""
    lower = re.fullmatch(r">=([0-9.]+)(,<[0-9.]+)?", declared()[name])
    assert lower, f"{name}{declared()[name]}"
    found = [version(name), lower[1], pinned("requirements.lock")[name], pinned("requirements-dev.lock")[name]]
    assert all(numbers(one) >= OLDEST[name] for one in found), found


def test_s37_what_the_image_installs_is_pinned_and_checked() -> None:
    """Each package of the lock file has hashes, the image asks for them, and no needed package is missing."""
    lock = (ROOT / "requirements.lock").read_text()
    for package in re.split(r"\n(?=\S)", lock.strip()):
        assert re.match(r"\S+==\S+", package), package
        assert "--hash=sha256:" in package, package.split()[0]
    assert "--require-hashes -r requirements.lock" in (ROOT / "Dockerfile").read_text()
    assert set(declared()) <= set(pinned("requirements.lock"))
