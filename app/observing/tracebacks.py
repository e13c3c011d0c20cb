"""Words an exception for whoever wrote the code: their own frames, without what carried the request to them."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException
from typing import Any, Final

#: The packages that every request and every start pass through. Whatever else is installed is the team's choice,
#: and its frames tell how the team used it.
_PLUMBING: Final = frozenset(
    [
        *("a2wsgi", "anyio", "blinker", "click", "fastapi", "flask", "flask_wtf", "itsdangerous", "jinja2"),
        *("pydantic", "starlette", "structlog", "uvicorn", "uvloop", "werkzeug", "wtforms"),
    ]
)
_INSTALLED: Final = ("site-packages", "dist-packages")
_DUET: Final = Path(__file__).parents[1]
_LIBRARY: Final = Path(sysconfig.get_path("stdlib"))
#: A recursion without end has a thousand frames, which are all alike.
_MAX_FRAMES: Final = 50


class Trace:
    """An exception, with those that led to it, and the frames of each that belong to a team.

    If none of the frames is a team's, it keeps all: then Duet, or a package, is what has to be mended.

    Args:
        error: the exception.
    """

    def __init__(self, error: BaseException) -> None:
        self._error = TracebackException(type(error), error, error.__traceback__, compact=True)
        #: Where the exception was raised, if that is not a team's code.
        self.raised_in: str | None = None
        #: How many frames it does not show.
        self.left_out = 0
        chain = list(_chain(self._error))
        if any(_is_teams(frame) for one in chain for frame in one.stack):
            raised = self._error.stack[-1:]
            self.raised_in = None if not raised or _is_teams(raised[0]) else _place(raised[0])
            for one in chain:
                self._keep(one, [frame for frame in one.stack if _is_teams(frame)])
        for one in chain:
            self._keep(one, one.stack[-_MAX_FRAMES:])

    def _keep(self, one: TracebackException, frames: list[FrameSummary]) -> None:
        self.left_out += len(one.stack) - len(frames)
        one.stack = StackSummary.from_list(frames)

    def summary(self) -> str:
        """Returns the exception's name and message."""
        return _summary(self._error)

    def lines(self) -> list[str]:
        """Returns the traceback as Python prints it, the innermost frame and the exception last."""
        return "".join(self._error.format()).rstrip("\n").split("\n")

    def fields(self) -> dict[str, Any]:
        """Returns the same for machines: each frame is `{file, line, function, code}`, the innermost last."""
        first, *causes = (
            {"exception": _summary(one), "frames": [_fields(frame) for frame in one.stack]}
            for one in _chain(self._error)
        )
        return {**first, **({"causes": causes} if causes else {})}


def _chain(error: TracebackException) -> Iterator[TracebackException]:
    """Yields `error`, and then what led to it as far as Python would show it."""
    yield error
    for inner in error.exceptions or ():
        yield from _chain(inner)
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _chain(error.__context__)


def _is_teams(frame: FrameSummary) -> bool:
    path = Path(frame.filename)
    for place in _INSTALLED:
        if place in path.parts:
            package = path.parts[path.parts.index(place) + 1]
            return package.removesuffix(".py") not in _PLUMBING
    is_ours = path.is_relative_to(_DUET) or path.is_relative_to(_LIBRARY)
    return not is_ours and not frame.filename.startswith("<frozen ")


def _place(frame: FrameSummary) -> str:
    return f"{frame.filename}:{frame.lineno} {frame.name}"


def _summary(error: TracebackException) -> str:
    return "".join(error.format_exception_only()).strip()


def _fields(frame: FrameSummary) -> dict[str, Any]:
    return {"file": frame.filename, "line": frame.lineno, "function": frame.name, "code": frame.line}
