"""The collection itself: it is as large as stated, and gives one verdict on each text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.vectors.cases import Case, cases_of
from tests.vectors.collection import EARLIER_KINDS, KEY_KINDS, KINDS
from tests.vectors.kinds.earlier import earlier_cases_of
from tests.vectors.kinds.key_numbers import for_everybody
from tests.vectors.kinds.keysets import key_cases_of

README = Path(__file__).with_name("README.md").read_text()


@cache
def signatures() -> tuple[Case, ...]:
    """All signatures. They are made when a test asks, since each worker of a run collects this module."""
    return tuple(case for kind in KINDS for case in cases_of(kind))


def counts() -> dict[str, int]:
    """How many cases there are of each kind."""
    known = {kind.__name__: len(cases_of(kind)) for kind in KINDS}
    known |= {kind.__name__: len(key_cases_of(kind)) for kind in (*KEY_KINDS, for_everybody)}
    return known | {kind.__name__: len(earlier_cases_of(kind)) for kind in EARLIER_KINDS}


def test_every_kind_has_a_row_in_the_readme() -> None:
    """The row has the number of cases, and the README has no row for a kind that does not exist."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", README, re.MULTILINE)
    assert {name: int(number.replace(",", "")) for name, number in rows} == counts()


def test_there_are_more_than_in_the_collection_that_these_took_the_place_of() -> None:
    """The earlier collection had 401 signatures and 26 keys; a text that two rules make counts once."""
    assert len({(case.signer.kid, case.signer.algorithm, case.text) for case in signatures()}) > 401
    keys = [case for kind in KEY_KINDS for case in key_cases_of(kind)]
    assert len({(repr(case.keys), case.text) for case in keys}) > 26


def test_a_name_is_one_case_s_alone() -> None:
    """The case behind a name that a test prints can be found."""
    assert len({case.name for case in signatures()}) == len(signatures())
    for kind in (*KEY_KINDS, for_everybody):
        assert len({case.name for case in key_cases_of(kind)}) == len(key_cases_of(kind))
    for earlier in EARLIER_KINDS:
        assert len({case.name for case in earlier_cases_of(earlier)}) == len(earlier_cases_of(earlier))


def test_a_text_has_one_verdict() -> None:
    """Two rules that make the same text for the same key give the same verdict."""
    verdicts: dict[tuple[str, str, str], set[tuple[bool, bool]]] = {}
    for case in signatures():
        key = (case.signer.kid, case.signer.algorithm, case.text)
        verdicts.setdefault(key, set()).add((case.is_signed, case.is_token))
    assert [key for key, found in verdicts.items() if len(found) > 1] == []
