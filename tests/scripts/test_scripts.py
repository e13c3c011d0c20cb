"""How `scripts/` chooses among the Pythons on a machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.programs import ROOT

#: A version manager's placeholder for a version that is not installed.
SHIM = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"
#: A Python that answers no when it is asked whether it is new enough.
OLD = "#!/bin/sh\nexit 1\n"
#: Debian's Python, before python3-venv is installed.
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *venv*) exit 1;; esac\nexit 0\n'
GOOD = f'#!/bin/sh\nexec {sys.executable} "$@"\n'


def find_python(folder: Path, *, wanted: str = "", **pythons: str) -> subprocess.CompletedProcess[str]:
    """Runs the search with only these Pythons in the PATH, and `$PYTHON`; `_` in a name stands for a dot."""
    dirname = shutil.which("dirname")
    bash = shutil.which("bash")
    assert dirname
    assert bash
    (folder / "dirname").symlink_to(dirname)
    for name, text in pythons.items():
        path = folder / name.replace("_", ".")
        path.write_text(text)
        path.chmod(0o755)
    command = [bash, "-euo", "pipefail", "-c", "source scripts/_env; find_python"]
    return subprocess.run(
        command, env={"PATH": str(folder), "PYTHON": wanted}, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": GOOD}, "python3"),
        ({"python3_13": SHIM, "python3_12": SHIM, "python3_11": GOOD, "python3": OLD}, "python3.11"),
        ({"python3_11": WITHOUT_VENV, "python3": GOOD}, "python3"),
        ({"python3": OLD, "python": GOOD}, "python"),
    ],
)
def test_the_first_python_that_will_do_is_taken(pythons: dict[str, str], chosen: str, tmp_path: Path) -> None:
    """The first Python that will do is taken. Each is run and asked, since a name proves nothing."""
    result = find_python(tmp_path, **pythons)
    assert (result.returncode, result.stdout.strip()) == (0, chosen), result.stderr


@pytest.mark.parametrize(
    ("pythons", "told"),
    [
        ({}, "Python 3.11 or newer"),
        ({"python3": OLD, "python3_13": SHIM}, "Python 3.11 or newer"),
        ({"python3": WITHOUT_VENV}, "apt-get install python3-venv"),
    ],
)
def test_what_is_missing_is_told_in_one_line(pythons: dict[str, str], told: str, tmp_path: Path) -> None:
    """Without a Python that will do, one line says what to install."""
    result = find_python(tmp_path, **pythons)
    assert result.returncode == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_other_python_takes_the_place_of_the_one_that_was_asked_for(tmp_path: Path) -> None:
    """`$PYTHON` is taken before those that were looked for first, or the script ends with a line that names it."""
    result = find_python(tmp_path, wanted="python3.11", python3_13=GOOD, python3_11=GOOD)
    assert (result.returncode, result.stdout.strip()) == (0, "python3.11"), result.stderr
    (tmp_path / "python3.11").write_text(SHIM)
    (tmp_path / "dirname").unlink()
    result = find_python(tmp_path, wanted="python3.11", python3_13=GOOD)
    assert result.returncode == 1
    assert result.stderr == "Duet needs Python 3.11 or newer, and PYTHON=python3.11 is not one that runs\n"
