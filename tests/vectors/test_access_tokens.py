"""The vectors shown to what verifies access tokens, which knows the key of each under its own name."""

from __future__ import annotations

from tests.vectors.cases import Case, cases_of
from tests.vectors.judges import (
    claims_in,
    passes_as_signed,
    passes_as_token,
    passes_as_token_of,
    secret_key,
    token_key,
)
from tests.vectors.kinds.algorithms import confusions, faces
from tests.vectors.kinds.keys import our_signers

HMACS = ("HS256", "HS384", "HS512")
#: PyJWT warns of shorter secrets. HMAC fills them up with zeros itself (RFC 2104 section 2).
LONG_ENOUGH = 64


def test_no_vector_is_an_access_token_that_should_be_none(cases: tuple[Case, ...]) -> None:
    """The sound ones are taken; nothing but `TokenInvalid` comes out of the others, at a second look too."""
    assert [case.name for case in cases if passes_as_token(case) != case.is_token] == []


def test_a_public_key_is_no_hmac_secret(cases: tuple[Case, ...]) -> None:
    """Whoever signed: it does not pass with anything that HMAC could take for the public key."""
    secrets = {one.algorithm: faces(one) for one in our_signers() if one.is_pair}
    wrong = []
    for case in cases:
        if case.name.startswith(confusions.__name__):  # they do, of course: they are in the test below
            continue
        for name, secret in secrets.get(case.signer.algorithm, {}).items():
            long = secret.ljust(LONG_ENOUGH, b"\0")
            as_secret = secret_key(case.signer.kid, long)
            if passes_as_signed(case.text, long, "HS256") or passes_as_token_of(case.text, as_secret):
                wrong.append((case.name, name))
    assert wrong == []


def test_who_signs_with_a_public_key_is_nobody() -> None:
    """The pair's own algorithm is asked for, and a public key that is handed to HMAC by mistake is refused."""
    known = cases_of(confusions)
    assert len(known) > 150
    for case in known:
        key = case.signer.public
        assert claims_in(case.text, key, case.signer.algorithm) is None, case.name
        assert [claims_in(case.text, key, algorithm) for algorithm in HMACS] == [None] * 3, case.name
        assert not passes_as_token_of(case.text, token_key(case.signer)), case.name
