"""Writes mails to a folder, to be read there, if no mail server is configured."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import anyio.to_thread
import structlog

from app.auth.models import Letter
from app.mail.errors import NotSent
from app.private_files import create, folder_mode

log = structlog.get_logger(__name__)


class Outbox:
    """Writes mails to `folder`. Only its owner may read them: anyone who reads a link may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage, letter: Letter) -> None:
        """Writes the mail to its own file, in a thread. Raises `NotSent` if that fails."""
        path = self._folder / file_name(letter)
        data = message.as_bytes(policy=SMTPUTF8)
        try:
            await anyio.to_thread.run_sync(_write, path, data)
        except OSError as error:
            reason = f"can't write to {self._folder}: {error.strerror}; give it to the user that runs Duet"
            raise NotSent(reason, needs_operator=True) from error
        log.info("mail_written", kind=letter.kind, path=str(path))


def file_name(letter: Letter) -> str:
    """Returns a name like `20261124T201500Z-verify-email-<id>.eml`, which sorts by time.

    It is the same at every attempt.
    """
    return f"{letter.created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{letter.kind}-{letter.id}.eml"


def is_writable(folder: Path) -> bool:
    """Tells whether mails can be written to `folder`, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _write(path: Path, data: bytes) -> None:
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(folder_mode())
    # Anyone who reads the folder sees only complete mails.
    temporary = path.with_suffix(f".{datetime.now(UTC).timestamp():.6f}.tmp")
    try:
        with open(create(temporary), "wb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
