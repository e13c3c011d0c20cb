"""The vectors as access tokens, for a verifier that knows the key of each under its own name."""

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
from tests.vectors.keys import our_signers
from tests.vectors.kinds.algorithms import confusions, faces

HMACS = ("HS256", "HS384", "HS512")
#: PyJWT warns of shorter secrets. HMAC itself fills them up with zeros (RFC 2104 section 2).
LONG_ENOUGH = 64


def test_no_vector_is_an_access_token_that_should_be_none(cases: tuple[Case, ...]) -> None:
    """Sound tokens are accepted, and the others cause only `TokenInvalid`, at a second look too."""
    assert [case.name for case in cases if passes_as_token(case) != case.is_token] == []


def test_a_public_key_is_no_hmac_secret(cases: tuple[Case, ...]) -> None:
    """No vector, whoever signed it, passes with anything that HMAC could take for the public key."""
    secrets = {one.algorithm: faces(one) for one in our_signers() if one.is_pair}
    wrong = []
    for case in cases:
        if case.name.startswith(confusions.__name__):  # these do pass; the test below is about them
            continue
        for name, secret in secrets.get(case.signer.algorithm, {}).items():
            long = secret.ljust(LONG_ENOUGH, b"\0")
            as_secret = secret_key(case.signer.kid, long)
            if passes_as_signed(case.text, long, "HS256") or passes_as_token_of(case.text, as_secret):
                wrong.append((case.name, name))
    assert wrong == []


def test_who_signs_with_a_public_key_is_nobody() -> None:
    """Only the pair's own algorithm is tried, and a public key that reaches HMAC by mistake is refused."""
    known = cases_of(confusions)
    assert len(known) > 150
    for case in known:
        key = case.signer.public
        assert claims_in(case.text, key, case.signer.algorithm) is None, case.name
        assert [claims_in(case.text, key, algorithm) for algorithm in HMACS] == [None] * 3, case.name
        assert not passes_as_token_of(case.text, token_key(case.signer)), case.name
