"""All that a store keeps, as records that each store can read and write: for back-ups, and to move to another."""

from __future__ import annotations

from pathlib import Path

from app.store.records import Dump


def open_dump(database_url: str) -> Dump:
    """The store that a URL names, which has to be brought up to date before. Only its own driver is imported."""
    if database_url.startswith("sqlite:///"):
        from app.store.sqlite.dump import SqliteDump

        return SqliteDump(Path(database_url.removeprefix("sqlite:///")))
    from app.store.mongo.dump import MongoDump

    return MongoDump(database_url)
