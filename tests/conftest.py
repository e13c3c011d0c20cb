"""The services that all tests share, started when the first test asks and ended after the last."""

from __future__ import annotations

import functools
import gc
import os
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import structlog
from flask import Flask
from werkzeug.routing import Rule

from app.auth.factors import quality
from tests.kit.duet import Compiled
from tests.kit.services import connected, drop_database, empty_database, shared_mongod

# No test needs the public certificate authorities, and httpx would read all of them for each client.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# Tracebacks in the log are Python's own: drawing one with its variables takes as long as a hundred requests.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback
# Each app compiles its templates, and most tests have their own app.
Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
# Nearly every account here has the same password. Judging it takes longer than all other steps of making one.
quality._reason = functools.lru_cache(maxsize=100)(quality._reason)


def _builder_of(rule: Rule, append_unknown: bool = True) -> Any:
    """The function that builds the paths of a rule. Compiling these is half of what making an app takes."""
    if rule.defaults:  # they would be compiled in
        return _compile_builder(rule, append_unknown)
    key = (rule.rule, tuple(rule._trace), append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


_builders: dict[tuple[Any, ...], Any] = {}
_compile_builder = Rule._compile_builder
Rule._compile_builder = _builder_of  # type: ignore[method-assign, assignment]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the garbage collector away from what is imported and collected, which lives to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def mongod_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a MongoDB: `TEST_MONGODB_URL`, or a replica set of one member that the whole run shares."""
    if given := os.environ.get("TEST_MONGODB_URL"):
        yield given
        return
    own = tmp_path_factory.getbasetemp()  # the folder of a worker lies in that of the run
    with shared_mongod(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as url:
        yield url


class Databases:
    """Databases on one server, each new, or used by an earlier test and empty again except for its indexes.

    Args:
        server: its URL.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._client = connected(server)
        self._free: list[str] = []

    def new(self) -> str:
        """The URL of a database that nobody has used."""
        return urlunsplit(urlsplit(self._server)._replace(path=f"/duet-test-{uuid.uuid4().hex}"))

    def get(self) -> str:
        """The URL of an empty database."""
        return self._free.pop() if self._free else self.new()

    def give_back(self, url: str) -> None:
        """Empties a database for the next test that wants one."""
        empty_database(self._client, url)
        self._free.append(url)

    def close(self) -> None:
        """Closes the connections to the server."""
        self._client.close()


@pytest.fixture(scope="session")
def databases(mongod_url: str) -> Iterator[Databases]:
    """The databases on the run's MongoDB."""
    ours = Databases(mongod_url)
    yield ours
    ours.close()


@pytest.fixture
def mongo_database_url(databases: Databases) -> Iterator[str]:
    """The URL of an empty database that no other test uses at the same time.

    Making the indexes takes longer than most tests, so it is used again. A test that changes them, or stores what
    no current Duet stores, asks for a new one.
    """
    if os.environ.get("TEST_MONGODB_URL"):
        url = databases.new()
        yield url
        drop_database(url)
    else:
        url = databases.get()
        yield url
        databases.give_back(url)


@pytest.fixture
def new_mongo_database_url(databases: Databases) -> Iterator[str]:
    """The URL of a database that nobody has used or will use again."""
    url = databases.new()
    yield url
    if os.environ.get("TEST_MONGODB_URL"):  # our own server is deleted as a whole
        drop_database(url)
