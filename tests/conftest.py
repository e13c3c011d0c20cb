"""The services that all tests share: started when the first test asks, ended after the last."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.services import Mongod, drop_database


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


@pytest.fixture
def mongo_database_url(mongod_url: str) -> Iterator[str]:
    """The URL of an empty database that no other test sees."""
    url = urlunsplit(urlsplit(mongod_url)._replace(path=f"/duet-test-{uuid.uuid4().hex}"))
    yield url
    if os.environ.get("TEST_MONGODB_URL"):  # our own is thrown away as a whole
        drop_database(url)
