"""The one table of database drivers: for each URL scheme, the functions that open, dump and inspect a database.

A driver is only imported when its database is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from app.auth.errors import StoreUnavailable
from app.auth.ports import Store
from app.store.measurements import StoreMeasurements
from app.store.records import Dump, Schema

#: How the URL of a SQLite file begins. The path follows, so an absolute path makes four slashes.
SQLITE: Final = "sqlite:///"


class MeasuredStore(Store, Protocol):
    """A store that measures its calls."""

    @property
    def measurements(self) -> StoreMeasurements:
        """The measurements of its calls."""
        ...


@dataclass(frozen=True, slots=True)
class Driver:
    """The functions for one kind of database. Each takes the URL, and imports the driver.

    Args:
        open_store: makes the store, not opened yet.
        open_dump: makes the dump, which reads and writes everything at once.
        inspect: looks at the schema without changing it.
    """

    open_store: Callable[[str], MeasuredStore]
    open_dump: Callable[[str], Dump]
    inspect: Callable[[str], Schema]


def open_store(database_url: str) -> MeasuredStore:
    """Returns the store that `database_url` names, not opened yet.

    Raises ValueError if it is malformed, and `StoreUnusable` if it can't work. Neither quotes the URL.

    The URL is `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`, `mongodb://…` or `mongodb+srv://…`.
    """
    return _driver(database_url).open_store(database_url)


def open_dump(database_url: str) -> Dump:
    """Returns the dump of a database, whose schema has to be up to date. Raises as `open_store`."""
    return _driver(database_url).open_dump(database_url)


def inspect_schema(database_url: str) -> Schema:
    """Returns the state of a database's schema. Raises `StoreUnavailable`, which says what an operator can do."""
    try:
        driver = _driver(database_url)
    except ValueError as error:
        raise StoreUnavailable() from error
    return driver.inspect(database_url)


def sqlite_url(path: Path) -> str:
    """Returns the URL of the SQLite file at `path`."""
    return f"{SQLITE}{path}"


def sqlite_path(database_url: str) -> Path:
    """Returns the path of the SQLite file that a URL names."""
    return Path(database_url.removeprefix(SQLITE))


def _driver(database_url: str) -> Driver:
    driver = DRIVERS.get(scheme_of(database_url))
    if driver is None or (driver is _SQLITE and not database_url.startswith(SQLITE)):
        raise ValueError("a database URL starts with sqlite:///, mongodb:// or mongodb+srv://")
    return driver


def scheme_of(database_url: str) -> str:
    """Returns the URL's scheme, or an empty string if it has none."""
    scheme, separator, _ = database_url.partition("://")
    return scheme if separator else ""


def _sqlite_store(url: str) -> MeasuredStore:
    path = url.removeprefix(SQLITE)
    if path in ("", ":memory:") or path.endswith("/"):
        raise ValueError("a sqlite URL must name a file, as in sqlite:///data/duet.db")
    from app.store.sqlite.store import SqliteStore

    return SqliteStore(Path(path))


def _sqlite_dump(url: str) -> Dump:
    from app.store.sqlite.dump import SqliteDump

    return SqliteDump(sqlite_path(url))


def _sqlite_schema(url: str) -> Schema:
    from app.store.sqlite.inspection import inspect_file

    return inspect_file(sqlite_path(url))


def _mongo_store(url: str) -> MeasuredStore:
    from app.store.mongo.store import MongoStore

    return MongoStore(url)


def _mongo_dump(url: str) -> Dump:
    from app.store.mongo.dump import MongoDump

    return MongoDump(url)


def _mongo_schema(url: str) -> Schema:
    from app.store.mongo.inspection import inspect_database

    return inspect_database(url)


_SQLITE: Final = Driver(_sqlite_store, _sqlite_dump, _sqlite_schema)
_MONGO: Final = Driver(_mongo_store, _mongo_dump, _mongo_schema)
#: The drivers, by the schemes of their URLs.
DRIVERS: Final[Mapping[str, Driver]] = {"sqlite": _SQLITE, "mongodb": _MONGO, "mongodb+srv": _MONGO}
