"""Writes structured log lines, as text for people or as JSON for machines. Values can't break a line.

An exception follows its line as a traceback, which is indented, so that nothing in it looks like a line of the
log. In JSON it is in the line.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal

import structlog

from app.observing.tracebacks import Trace

#: The key under which an exception goes from processor to processor.
_TRACE: Final = "duet.trace"
_INDENT: Final = "    "


def configure(*, style: Literal["text", "json"], level: str) -> None:
    """Sends every log line of the process, including those of libraries, to standard error.

    Args:
        style: `text` or `json`.
        level: the least severe level that is written.
    """
    severity = logging.getLevelName(level.upper())
    # Duet's own lines, including one for each request, bypass `logging`, which would double their cost.
    structlog.configure(
        processors=[*_shared(), *_rendering(style)],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(style)],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)  # Python's own, which would be text of two lines
    if style == "json":
        sys.excepthook = _log_crash
    # uvicorn reports its start in its own words, and Duet in better ones. The drivers log every statement.
    for name, least in (("uvicorn", "WARNING"), ("aiosqlite", "WARNING"), ("pymongo", "WARNING")):
        logging.getLogger(name).setLevel(max(logging.getLevelName(least), severity))


def is_json() -> bool:
    """Returns whether standard error is read by a machine."""
    return sys.excepthook is _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Logs the error that ends the process, which Python would print as text."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        logging.getLogger("duet").critical("crashed", exc_info=(kind, error, traceback))


class _Lines:
    """Writes Duet's own lines to standard error, where the others go too.

    Args:
        name: the module that writes.
    """

    def __init__(self, name: str = "duet") -> None:
        self.name = name

    def write(self, line: str) -> None:
        """Writes one line. A full disk, or a pipe that nobody reads any more, is no reason to fail a request."""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = write


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _take_trace,
    ]


def _take_trace(
    logger: structlog.typing.WrappedLogger, method: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Puts a `Trace` in the place of `exc_info`: an exception, Python's triple, or true for the current one."""
    given = fields.pop("exc_info", None)
    if given and not isinstance(given, BaseException):
        given = (given if isinstance(given, tuple) else sys.exc_info())[1]
    if given:
        fields[_TRACE] = Trace(given)
    return fields


def _rendering(style: str) -> list[structlog.typing.Processor]:
    if style == "json":
        return [_with_frames, structlog.processors.JSONRenderer()]
    # logfmt escapes quotes and line feeds in values, and nothing else.
    logfmt = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)

    def render(logger: structlog.typing.WrappedLogger, method: str, fields: structlog.typing.EventDict) -> str:
        trace = _take(fields)
        line = logfmt(logger, method, _escape(fields))
        below = [] if trace is None else [f"{_INDENT}{_visible(each)}" for each in trace.lines()]
        return "\n".join([line, *below])

    return [render]


def _with_frames(
    logger: structlog.typing.WrappedLogger, method: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    trace = _take(fields)
    return fields if trace is None else {**fields, **trace.fields()}


def _take(fields: structlog.typing.EventDict) -> Trace | None:
    """Takes the exception out of `fields`, and says in them what its traceback does not show."""
    trace: Trace | None = fields.pop(_TRACE, None)
    if trace is not None and trace.left_out:
        fields["frames_left_out"] = trace.left_out
    if trace is not None and trace.raised_in:
        fields["raised_in"] = trace.raised_in
    return trace


def _escape(fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escapes, as JSON would, the characters that a line can't show.

    A carriage return or U+2028 begins a new line in many viewers, and an escape sequence commands the terminal.
    """
    return {
        name: value if isinstance(value, int | float | None) else _visible(value) for name, value in fields.items()
    }


def _visible(value: object) -> str:
    text = str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
