"""The kinds of vectors come one after the other, so that the tests of a kind are together and its cases made
once."""

from __future__ import annotations

import pytest

from tests.vectors.cases import Case, cases_of
from tests.vectors.collection import KEY_KINDS, KINDS
from tests.vectors.kinds.keysets import KeyCase, key_cases_of


@pytest.fixture(scope="package", params=KINDS, ids=lambda kind: kind.__name__)
def cases(request: pytest.FixtureRequest) -> tuple[Case, ...]:
    """The signatures of one kind."""
    return cases_of(request.param)


@pytest.fixture(scope="package", params=KEY_KINDS, ids=lambda kind: kind.__name__)
def key_cases(request: pytest.FixtureRequest) -> tuple[KeyCase, ...]:
    """The keys of one kind."""
    return key_cases_of(request.param)
