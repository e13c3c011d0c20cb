"""`.env`: what is well-formed counts, and what can't be read in full stops every command by its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.settings import EnvFileError, load
from app.settings.env_file import read_env_file
from tests.deploy.process import duet

WELL_FORMED = """\
# a comment, and an empty line

REGISTRATION=closed
export LOG_LEVEL=warning
  PASSWORD_MIN_LENGTH = 20   # a comment behind it
MAIL_FROM='A # B <a@example.com>'
LEGACY_JWT_ISSUER="two words"
EMPTY=
SECRET_KEY=a#b
LEGACY_JWT_KEY="-----BEGIN-----
x
-----END-----"
'QUOTED'=1
"""

READ = {
    "REGISTRATION": "closed",
    "LOG_LEVEL": "warning",
    "PASSWORD_MIN_LENGTH": "20",
    "MAIL_FROM": "A # B <a@example.com>",
    "LEGACY_JWT_ISSUER": "two words",
    "EMPTY": "",
    "SECRET_KEY": "a#b",
    "LEGACY_JWT_KEY": "-----BEGIN-----\nx\n-----END-----",
    "QUOTED": "1",
}


@pytest.mark.parametrize("form", ["LF", "CRLF", "a byte order mark"])
def test_a_well_formed_file_is_read(form: str, tmp_path: Path) -> None:
    """Comments, quotes, `export`, blanks and values of several lines count, whatever system wrote the file."""
    data = WELL_FORMED.encode("utf-8-sig" if form == "a byte order mark" else "utf-8")
    (tmp_path / ".env").write_bytes(data.replace(b"\n", b"\r\n") if form == "CRLF" else data)
    found = read_env_file(tmp_path / ".env")
    assert {name: value.replace("\r\n", "\n") for name, value in found.items()} == READ


#: Each with the number of the line to blame.
MALFORMED = {
    "a colon": (b"A=1\nREGISTRATION: closed\n", 2),
    "a name alone": (b"\n\n# x\nREGISTRATION\nA=1\n", 4),
    "an open quote": (b"A=1\nB='x\nREGISTRATION=closed\n", 2),
    "an open double quote": (b'A=1\n\nB="x\nREGISTRATION=closed\n', 3),
    "text behind a quote": (b'A="x" y\n', 1),
    "export alone": (b"A=1\nexport\n", 2),
    "export of a name alone": (b"A=1\nexport REGISTRATION\n", 2),
    "two words": (b"A=1\nB C=2\n", 2),
    "no name": (b"=x\n", 1),
    "a name twice": (b"REGISTRATION=closed\n# x\nREGISTRATION=open\n", 3),
    "a name twice, alike": (b"A=1\nA=1\n", 2),
    "UTF-16": ("REGISTRATION=closed\n".encode("utf-16"), 1),
    "UTF-16 without a mark": ("REGISTRATION=closed\n".encode("utf-16-le"), 1),
    "Latin-1": ("A=1\nSITE=Bücher\n".encode("latin-1"), 2),
    "a NUL": (b"A=1\nB=2\0\nC=3\n", 2),
    "CRLF and a colon": (b"A=1\r\n\r\nREGISTRATION: closed\r\n", 3),
}


@pytest.mark.parametrize("shape", MALFORMED)
def test_a_malformed_file_is_refused_by_its_line(shape: str, tmp_path: Path) -> None:
    """Nothing is passed over: python-dotenv alone would leave registration open in each of these files."""
    data, line = MALFORMED[shape]
    (tmp_path / ".env").write_bytes(data)
    with pytest.raises(EnvFileError, match=rf"^{tmp_path}/\.env, line {line}: .+$"):
        read_env_file(tmp_path / ".env")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, as an engine makes for a missing mount, and a file that can't be read are no empty files."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "mine").write_text("A=1\n")
    (tmp_path / "mine").chmod(0)
    for name in ("folder", "gone", "loop", *(["mine"] if os.geteuid() else [])):
        with pytest.raises(EnvFileError, match=rf"^{tmp_path}/{name}: "):
            read_env_file(tmp_path / name)
    assert read_env_file(tmp_path / "missing") == {}


@pytest.mark.parametrize(
    "command", [("serve",), ("check",), ("user", "list"), ("keys", "list"), ("backup", "b"), ("restore", "b")]
)
def test_every_command_stops_in_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    """It names file and line, and the exit code is 2, before anything is made."""
    (tmp_path / ".env").write_text("A=1\nREGISTRATION: closed\n")
    (tmp_path / "b").touch()
    result = duet(tmp_path, *command)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("duet: .env, line 2: ")
    assert (result.stderr.count("\n"), result.stdout) == (1, "")
    assert not (tmp_path / "data").exists()


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    """An empty variable in the environment does not hide the value in `.env`, and one with a value does."""
    (tmp_path / ".env").write_text("REGISTRATION=closed\nPASSWORD_MIN_LENGTH=20\nSECRET_KEY_FILE=key\n")
    (tmp_path / "key").write_text("0f1e9d72c84ba6051378e9f2a64d0cb5")
    environ = {"REGISTRATION": "", "PASSWORD_MIN_LENGTH": "30", "SECRET_KEY": "", "LOG_LEVEL": ""}
    cwd = os.getcwd()
    try:
        os.chdir(tmp_path)
        settings = load(environ)
    finally:
        os.chdir(cwd)
    assert (settings.registration, settings.password_min_length, settings.log_level) == ("closed", 30, "info")
    assert settings.secret_key.get_secret_value().startswith("0f1e")
