"""The services that all tests share: started when the first test asks, ended after the last."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.kit.services import Mongod, drop_database, empty_database

# No test asks the world's certificate authorities for anything, and httpx would read all of them for each client.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)


@pytest.fixture(scope="session")
def mongod_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a MongoDB answers: `TEST_MONGODB_URL`, or a replica set of one that we start."""
    given = os.environ.get("TEST_MONGODB_URL")
    if given:
        yield given
        return
    mongod = Mongod(tmp_path_factory.mktemp("mongod"), replica_set=True)
    mongod.start()
    try:
        yield mongod.url
    finally:
        mongod.stop()


@pytest.fixture(scope="session")
def emptied_databases() -> list[str]:
    """The URLs of databases that a test has used, and that are empty again, their indexes aside."""
    return []


@pytest.fixture
def mongo_database_url(
    request: pytest.FixtureRequest, mongod_url: str, emptied_databases: list[str]
) -> Iterator[str]:
    """The URL of an empty database that no other test sees meanwhile.

    Making the indexes takes longer than most tests, so databases are used again; but not by the stores' own tests,
    which change indexes and more.
    """
    is_shared = bool(os.environ.get("TEST_MONGODB_URL"))
    is_fresh = is_shared or request.node.nodeid.startswith("tests/store/")
    if emptied_databases and not is_fresh:
        url = emptied_databases.pop()
    else:
        url = urlunsplit(urlsplit(mongod_url)._replace(path=f"/duet-test-{uuid.uuid4().hex}"))
    yield url
    if is_shared:  # our own is thrown away as a whole
        drop_database(url)
    elif not is_fresh:
        empty_database(url)
        emptied_databases.append(url)
