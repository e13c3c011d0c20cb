"""A house, a certificate, and a check of the log of all these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.mail.house import PRIVATE, House, house
from tests.mail.servers import Certificate


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    """A store without letters."""
    async with house(tmp_path) as one:
        yield one


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost and 127.0.0.1."""
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """The same certificate, trusted as an operator would set it up."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    return certificate


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """The log's lines. In every test, no email address, link or password may stand in one (item 32)."""
    with capture_logs() as lines:
        yield lines
    for line in lines:
        assert PRIVATE.search(str(line).lower()) is None, line
