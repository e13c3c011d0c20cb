"""The outbox: where no mail server is configured, each mail is a file that only its owner can read."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.mail.outbox import Outbox
from tests.kit.mails import read_mails, text_of
from tests.mail.house import ADDRESS, LINK, House, until
from tests.mail.test_smtp import events


async def test_a_mail_becomes_a_file(home: House, tmp_path: Path, logged: list[Any]) -> None:
    """Its name has time, kind and letter but never the email address, and the log says where it is."""
    folder = tmp_path / "data" / "outbox"
    async with home.sending(Outbox(folder)):
        await home.write(created_at=datetime(2026, 11, 24, 20, 15, tzinfo=UTC).replace(year=9000))
        await until(home.is_empty)
    [path] = folder.iterdir()
    assert path.name == "90001124T201500Z-verify-email-letter-1.eml"
    assert events(logged, "mail_written")[0]["path"] == str(path)
    assert LINK in path.read_text().splitlines()
    [mail] = read_mails(folder, to=ADDRESS)
    assert LINK in text_of(mail)


async def test_nobody_else_reads_it(home: House, tmp_path: Path) -> None:
    """Anyone who reads a link may use it, so only their owner can read the file and the folder."""
    folder = tmp_path / "outbox"
    async with home.sending(Outbox(folder)):
        await home.write()
        await until(home.is_empty)
    [path] = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_folder_that_cannot_be_written_is_waited_for(
    home: House, tmp_path: Path, logged: list[Any]
) -> None:
    """The letter stays, an error says what to do, and the letter is written once that is done."""
    folder = tmp_path / "outbox"
    folder.write_text("in the way")
    async with home.sending(Outbox(folder)):
        await home.write()
        await until(lambda: events(logged, "mail_put_off"))
        line = events(logged, "mail_put_off")[0]
        folder.unlink()
        await until(home.is_empty)
    assert line["log_level"] == "error"
    assert f"can't write to {folder}" in line["reason"]
    assert len(read_mails(folder)) == 1


@pytest.mark.parametrize("to", ["grüße@bücher.example", "ada@example.com"])
async def test_the_file_is_plain_to_read(home: House, tmp_path: Path, to: str) -> None:
    """Text beyond ASCII is not encoded, so a developer can read the file without a mail program."""
    async with home.sending(Outbox(tmp_path / "outbox")):
        values = '{"new_email": "löwe@example.com"}'
        await home.write(to, kind="email-change-requested", params=values)
        await until(home.is_empty)
    [path] = (tmp_path / "outbox").iterdir()
    assert "löwe@example.com" in path.read_text()
