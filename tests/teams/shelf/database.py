"""SQLite by hand, a connection for each request, as Flask's own tutorial has it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from flask import Flask, current_app, g

from app.settings import Settings

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS readers (id TEXT PRIMARY KEY, seen INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS documents (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, by TEXT NOT NULL REFERENCES readers (id), file TEXT NOT NULL
    );
"""


def init_app(app: Flask, settings: Settings) -> None:
    """Makes the tables of this app, and has each request close its connection."""
    shelf = settings.data_dir / "shelf"
    shelf.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(shelf / "shelf.db")
    connection.executescript(_SCHEMA)
    connection.close()
    app.config["SHELF"] = shelf
    app.teardown_appcontext(_close)


def folder() -> Path:
    """Where this app keeps its database and documents."""
    path: Path = current_app.config["SHELF"]
    return path


def get_db() -> sqlite3.Connection:
    """This request's connection."""
    if "db" not in g:
        g.db = sqlite3.connect(folder() / "shelf.db")
        g.db.row_factory = sqlite3.Row
    connection: sqlite3.Connection = g.db
    return connection


def _close(error: BaseException | None = None) -> None:
    connection = g.pop("db", None)
    if connection is not None:
        connection.close()
