"""The notes themselves, in a SQLite file. It lives on the event loop; pages and routes call the same methods."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiosqlite

MAX_LENGTH: Final = 1000
MAX_NOTES: Final = 200

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS notes (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, text TEXT NOT NULL,
        created_at REAL NOT NULL
    ) STRICT
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS notes_by_user ON notes (user_id, number)"


class NoteRefused(Exception):
    """A note that is not kept. The message tells its author why."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote down."""

    id: str
    text: str
    created_at: datetime


class Notebook:
    """Everybody's notes. Each method is told whose notes it is about, so nobody reaches another person's.

    Args:
        path: of the database, which is made when it is opened for the first time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Holds the database open: the extension's lifespan."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)  # nobody else on this machine may read the notes
        async with aiosqlite.connect(self._path, isolation_level=None) as self._connection:
            await self._run("PRAGMA journal_mode = WAL")
            await self._run(_TABLE)
            await self._run(_INDEX)
            yield

    async def of(self, user_id: str) -> list[Note]:
        """The notes of a user, the latest first."""
        rows = await self._run(
            "SELECT id, text, created_at FROM notes WHERE user_id = ? ORDER BY number DESC", [user_id]
        )
        return [Note(id_, text, datetime.fromtimestamp(created_at, UTC)) for id_, text, created_at in rows]

    async def add(self, user_id: str, text: str) -> Note:
        """Keeps a note. Raises `NoteRefused`."""
        note = Note(secrets.token_urlsafe(9), _checked(text), datetime.now(UTC))
        # Counted in the same statement, so that many requests at once don't get past the limit.
        rows = await self._run(
            "INSERT INTO notes (id, user_id, text, created_at) SELECT ?, ?, ?, ? "
            "WHERE (SELECT count(*) FROM notes WHERE user_id = ?) < ? RETURNING id",
            [note.id, user_id, note.text, note.created_at.timestamp(), user_id, MAX_NOTES],
        )
        if not rows:
            raise NoteRefused(f"You have {MAX_NOTES} notes, which is all that fit. Delete one first.")
        return note

    async def delete(self, user_id: str, note_id: str) -> bool:
        """Deletes one of the user's own notes; False if that user has none with this id."""
        rows = await self._run("DELETE FROM notes WHERE id = ? AND user_id = ? RETURNING id", [note_id, user_id])
        return bool(rows)

    async def delete_all(self, user_id: str) -> None:
        """Deletes every note of a user."""
        await self._run("DELETE FROM notes WHERE user_id = ?", [user_id])

    async def count(self) -> int:
        """How many notes there are, of all users."""
        total: int = (await self._run("SELECT count(*) FROM notes"))[0][0]
        return total

    async def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        assert self._connection is not None, "the notebook is not open"
        return list(await self._connection.execute_fetchall(sql, values))


def _checked(text: str) -> str:
    """The text as it is kept. Raises `NoteRefused`."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if not text:
        raise NoteRefused("Please write something.")
    if len(text) > MAX_LENGTH:
        raise NoteRefused(f"That is too long: a note has at most {MAX_LENGTH} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text):
        raise NoteRefused("There is a character in it that can't be shown.")
    return text
