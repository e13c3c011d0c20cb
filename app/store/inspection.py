"""What a database's schema is, looked at without a change: for `duet check`."""

from __future__ import annotations

from pathlib import Path

from app.store.records import Schema


def inspect_schema(database_url: str) -> Schema:
    """What a database's schema is. Raises `StoreUnavailable`, whose text says what an operator can do."""
    if database_url.startswith("sqlite:///"):
        from app.store.sqlite.inspection import inspect_file

        return inspect_file(Path(database_url.removeprefix("sqlite:///")))
    from app.store.mongo.inspection import inspect_database

    return inspect_database(database_url)
