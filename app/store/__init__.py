"""The stores behind `app.auth.ports.Store`, and the one place that chooses between them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from app.auth.ports import Store
from app.store.figures import StoreFigures

SQLITE: Final = "sqlite:///"
MONGODB: Final = ("mongodb://", "mongodb+srv://")


class MeasuredStore(Store, Protocol):
    """A store that tells how it does."""

    @property
    def figures(self) -> StoreFigures:
        """Of its calls."""
        ...


def open_store(database_url: str) -> MeasuredStore:
    """The store that `database_url` names, not opened yet. Raises ValueError, which never quotes the URL.

    `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`, `mongodb://…` or `mongodb+srv://…`. Only the
    driver of the chosen one is imported.
    """
    if database_url.startswith(SQLITE):
        path = database_url.removeprefix(SQLITE)
        if path in ("", ":memory:") or path.endswith("/"):
            raise ValueError("a sqlite URL must name a file, as in sqlite:///data/duet.db")
        from app.store.sqlite.store import SqliteStore

        return SqliteStore(Path(path))
    if database_url.startswith(MONGODB):
        from app.store.mongo.store import MongoStore

        return MongoStore(database_url)
    raise ValueError("a database URL starts with sqlite:///, mongodb:// or mongodb+srv://")
