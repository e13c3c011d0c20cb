"""Reads `.env`, and refuses one that cannot be read in full: a line that is passed over leaves a setting open."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from app.settings.secret_key import SettingsError

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class EnvFileError(SettingsError):
    """The file of settings can't be read. The message is one line, which names the file and the line."""


def read_env_file(path: Path) -> dict[str, str]:
    """Returns the values in a file of NAME=value lines by name; nothing if there is no such file.

    Comments, empty lines, `export`, quotes, values of several lines in quotes, and `${NAME}` are python-dotenv's.

    Raises:
        EnvFileError: it is a folder, can't be read, is not UTF-8, gives a name twice, or has a line that is no
            NAME=value. python-dotenv alone would pass over such a line, and take the last of two values.
    """
    text = _read(path)
    if text is None:
        return {}
    first_lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text, newline="")):
        line = _line_of(binding)
        if binding.error:
            raise EnvFileError(
                f"{path}, line {line}: is not of the form NAME=value, or a quotation mark is missing"
            )
        if binding.key is None:  # a comment, or the end of the file
            continue
        if binding.value is None:
            raise EnvFileError(f"{path}, line {line}: has no '=', as in NAME=value")
        if binding.key in first_lines:
            raise EnvFileError(
                f"{path}, line {line}: the same name is set in line {first_lines[binding.key]} already"
            )
        first_lines[binding.key] = line
    values = dotenv_values(stream=io.StringIO(text, newline=""))
    return {name: value for name, value in values.items() if value is not None}


def _read(path: Path) -> str | None:
    """Returns the content; None if there is no such file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            raise EnvFileError(f"{path}: is a link to a file that does not exist") from None
        return None
    except OSError as error:
        raise EnvFileError(f"{path}: can't be read: {error.strerror}") from None
    if data.startswith(_UTF_16):
        raise EnvFileError(f"{path}, line 1: is UTF-16; save the file as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EnvFileError(
            f"{path}, line {_lines_to(data[: error.start])}: is not UTF-8; save the file so"
        ) from None
    if (at := text.find("\0")) >= 0:
        raise EnvFileError(f"{path}, line {_lines_to(text[:at].encode())}: has a NUL; save the file as UTF-8")
    return text


def _line_of(binding: Binding) -> int:
    """Returns the line in which a binding begins. python-dotenv counts empty lines before it as part of it."""
    text = binding.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return binding.original.line + _lines_to(blank.encode()) - 1


def _lines_to(data: bytes) -> int:
    """Returns the number of the line that follows `data`."""
    return 1 + data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
