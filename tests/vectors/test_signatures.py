"""Signatures of our own making: each passes or is refused as it deserves, and refused ones are not read."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from tests.vectors.cases import Case, Kind, cases_of
from tests.vectors.judges import claims_in, is_well_formed, passes_as_signed
from tests.vectors.kinds import encodings, forms

#: The kinds in which only the form is wrong.
FORMS = [
    forms.around,
    forms.serialisations,
    forms.json_spellings,
    forms.no_json,
    encodings.strays,
    encodings.equals_signs,
    encodings.unused_bits,
]


def payload_object(case: Case) -> dict[str, Any] | None:
    """The claims of a sound signature; None if its payload is no JSON object in UTF-8."""
    body = case.text.split(".")[1]
    try:
        value = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def test_each_signature_gets_the_verdict_that_it_deserves(cases: tuple[Case, ...]) -> None:
    """The verdict is for the signer's key with the one algorithm that the key is for."""
    wrong = [
        case.name
        for case in cases
        if passes_as_signed(case.text, case.signer.public, case.signer.algorithm) != case.is_signed
    ]
    assert wrong == []


def test_claims_are_read_where_they_are_soundly_signed(cases: tuple[Case, ...]) -> None:
    """The claims come out as they were signed, and nothing comes out of any other text."""
    wrong = [
        case.name
        for case in cases
        if claims_in(case.text, case.signer.public, case.signer.algorithm)
        != (payload_object(case) if case.is_signed else None)
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_a_wrong_form_is_refused_before_a_key_is_asked(kind: Kind) -> None:
    """Before the signature is checked only the header is read, so this look must be as strict by itself."""
    assert [case.name for case in cases_of(kind) if is_well_formed(case.text) != case.is_signed] == []
