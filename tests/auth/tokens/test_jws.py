"""The compact form: each token has one text, each look one algorithm, and everything else one error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.auth.errors import TokenInvalid
from app.auth.keys.pairs import make_pair
from app.auth.tokens import jws
from tests.auth.jws import b64, dumps, signed

SECRET = b"a secret of thirty-two bytes, no less"
PAIR = make_pair("EdDSA").private
HEADER = {"typ": "at+jwt", "kid": "one"}
UTF_16 = json.dumps({**HEADER, "alg": "HS256"}).encode("utf-16")


def test_what_was_signed_is_verified() -> None:
    """Header and claims come back, for a secret and for a key pair, and the header names the algorithm."""
    for signing, verifying, algorithm in ((SECRET, SECRET, "HS256"), (PAIR, PAIR.public_key(), "EdDSA")):
        token = jws.signed({"a": 1}, signing, algorithm, HEADER)
        assert jws.header_of(token) == {**HEADER, "alg": algorithm}
        assert jws.verified(token, verifying, algorithm) == {"a": 1}


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "EdDSA", "ES256", "RS256", "none", ""])
def test_only_the_algorithm_that_is_asked_for_counts(algorithm: str) -> None:
    """A genuine token of another algorithm is refused, whatever key is given."""
    genuine = jws.signed({}, SECRET, "HS256", HEADER)
    for key in (SECRET, PAIR.public_key(), PAIR, None, "", b"", 1):
        with pytest.raises(TokenInvalid):
            jws.verified(genuine, key, algorithm)
    other = jws.signed({}, PAIR, "EdDSA", HEADER)
    for key in (SECRET, PAIR.public_key()):
        with pytest.raises(TokenInvalid):
            jws.verified(other, key, "HS256")


@pytest.mark.parametrize(
    "claims", [b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff", b"[" * 2000, "{}".encode("utf-16")]
)
def test_claims_are_an_object(claims: bytes) -> None:
    """Other JSON, or no JSON, is refused even if it is signed."""
    with pytest.raises(TokenInvalid):
        jws.verified(signed({**HEADER, "alg": "HS256"}, claims, SECRET), SECRET, "HS256")


@pytest.mark.parametrize(
    "header", [b"", b"null", b"[]", b"1", b"{", b"\xff", b"[" * 2000, b'{"a":' * 2000, UTF_16]
)
def test_a_header_is_an_object(header: bytes) -> None:
    """Any other header is refused before a key is looked for."""
    token = signed(header, {}, SECRET)
    for look in (jws.header_of, lambda text: jws.verified(text, SECRET, "HS256")):
        with pytest.raises(TokenInvalid):
            look(token)


def test_both_looks_want_the_one_spelling() -> None:
    """Each look checks this by itself, so a caller that forgets one of them is still safe."""
    good = signed({**HEADER, "alg": "HS256"}, {}, SECRET)
    looks: list[Any] = [jws.header_of, lambda text: jws.verified(text, SECRET, "HS256")]
    long = signed({**HEADER, "alg": "HS256"}, {"x": "y" * jws.MAX_LENGTH}, SECRET)
    head = good.split(".")[0]
    for text in (good + "=", good + "\n", " " + good, good + ".", good[:-1], long, f"{head}..", f"{head}.e30", ""):
        for look in looks:
            with pytest.raises(TokenInvalid):
                look(text)
    assert jws.header_of(good)["kid"] == "one"
    assert len(b64(dumps({}))) == 3
