"""Tells in one line what went wrong in a team's own code, and where."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import Final

_DUET: Final = f"{Path(__file__).parent.parent}/"
_PYTHON: Final = f"{sysconfig.get_path('stdlib')}/"
_PACKAGES: Final = (f"{sysconfig.get_path('purelib')}/", f"{sysconfig.get_path('platlib')}/")
#: What calls a team's code, as long as it is installed where a team's package may be.
_FRAMEWORKS: Final = tuple(
    f"{folder}{name}/"
    for folder in _PACKAGES
    for name in ("click", "fastapi", "flask", "jinja2", "starlette", "werkzeug")
)


def fault_in(error: Exception) -> str:
    """Returns what `error` says, with its kind, and the file and line of the team's code that it passed last.

    If it passed none, as when a module is not there at all, it returns the bare message.
    """
    message = " ".join(str(error).split())
    place = _place_of(error)
    if not place:
        return message
    kind = type(error).__name__
    return f"{kind}: {message} ({place})" if message else f"{kind} ({place})"


def _place_of(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.filename:  # the file that can't be read is in no frame
        return f"{_shown(error.filename)}, line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_plumbing(frame.filename)]
    # A team's own package may be installed like any other, so frames of packages are the second choice.
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGES)] or frames
    return f"{_shown(own[-1].filename)}, line {own[-1].lineno}, in {own[-1].name}" if own else ""


def _is_plumbing(filename: str) -> bool:
    if filename.startswith(_PACKAGES):
        return filename.startswith(_FRAMEWORKS)
    return filename.startswith(("<", _DUET, _PYTHON))


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename
