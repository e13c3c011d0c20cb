"""What a database's schema is, looked at without a change: for `duet check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Schema:
    """What was found.

    Args:
        version: the schema's; None where nothing was ever kept.
        newest: what this Duet makes of it.
        remedies: of each index that is missing, what it is and what makes it.
    """

    version: int | None
    newest: int
    remedies: tuple[str, ...] = ()


def inspect_schema(database_url: str) -> Schema:
    """What a database's schema is. Raises `StoreUnavailable`, whose text says what an operator can do."""
    if database_url.startswith("sqlite:///"):
        from app.store.sqlite.inspection import inspect_file

        return inspect_file(Path(database_url.removeprefix("sqlite:///")))
    from app.store.mongo.inspection import inspect_database

    return inspect_database(database_url)
