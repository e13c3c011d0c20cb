"""Key pairs: their names, their public halves, and how they are kept."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from app.auth.keys import KeyRing, Purpose
from app.auth.keys.pairs import Safe, load_public, make_pair, thumbprint
from tests.auth.jws import b64
from tests.kit.duet import SECRET

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
OLD = "the secret of last year: 7hQ2xV9bLm4c"


def safe(*secrets: str) -> Safe:
    """A safe that opens with all of these secrets, and seals with the first."""
    return Safe(KeyRing(secrets).keys(Purpose.SIGNING_KEYS))


@pytest.mark.parametrize(
    ("jwk", "expected"),
    [
        (
            {
                "kty": "RSA",
                "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
                "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
                "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
                "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
                "e": "AQAB",
                "alg": "RS256",
                "kid": "2011-04-29",
            },
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
    ],
    ids=["RFC 7638, section 3.1", "RFC 8037, appendix A.3"],
)
def test_the_thumbprint_is_that_of_the_standards(jwk: dict[str, Any], expected: str) -> None:
    """The examples in the RFCs give the thumbprints that stand there."""
    assert thumbprint(jwk) == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_half_is_what_others_read(algorithm: str) -> None:
    """PyJWT, as any service uses it, verifies with the JWK what the private half signed; the JWK has no secret."""
    pair = make_pair(algorithm)
    jwk = json.loads(pair.public)
    assert jwk["kid"] == pair.kid == thumbprint(jwk)
    assert (jwk["alg"], jwk["use"]) == (algorithm, "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & jwk.keys()
    token = jwt.encode({"a": 1}, pair.private, algorithm)
    assert jwt.decode(token, jwt.PyJWK(jwk), [algorithm]) == {"a": 1}
    assert jwt.decode(token, load_public(jwk, pair.kid, algorithm), [algorithm]) == {"a": 1}
    assert "private" not in repr(pair)


def test_no_two_pairs_are_the_same() -> None:
    """Key pairs are random."""
    assert make_pair("EdDSA").kid != make_pair("EdDSA").kid


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES384", ""])
def test_there_are_pairs_for_three_algorithms(algorithm: str) -> None:
    """Any other algorithm is refused."""
    with pytest.raises(ValueError, match="no key pairs"):
        make_pair(algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_sealed_is_opened(algorithm: str) -> None:
    """The sealing secret opens a seal, even once it is a fallback, and sealing twice gives two different texts."""
    pair = make_pair(algorithm)
    sealed = safe(OLD).seal(pair.private, pair.kid, algorithm)
    for one in (safe(OLD), safe(SECRET, OLD)):
        private = one.open(sealed, pair.kid, algorithm)
        assert private is not None
        assert private.public_key() == pair.private.public_key()
    assert safe(OLD).is_newest(sealed)
    assert not safe(SECRET, OLD).is_newest(sealed)
    assert sealed != safe(OLD).seal(pair.private, pair.kid, algorithm)


def test_nothing_can_be_sealed_too() -> None:
    """An empty seal still shows which secret sealed it, and only that secret opens it."""
    sealed = safe(SECRET).seal(None, "kid", "EdDSA")
    assert safe(SECRET).open(sealed, "kid", "EdDSA") is None
    with pytest.raises(ValueError, match="another secret"):
        safe(OLD).open(sealed, "kid", "EdDSA")


def test_what_is_sealed_is_bound_to_its_key() -> None:
    """Someone who can write to the database can neither give a seal to another key nor change a bit of it."""
    pair = make_pair("EdDSA")
    box = safe(SECRET)
    sealed = box.seal(pair.private, pair.kid, "EdDSA")
    name, _, rest = sealed.partition(".")
    changed = [
        "",
        ".",
        f"{name}.",
        f"{name}.AAAA",
        f"{name}.{rest[:-4]}",
        f"{name}.{'B' if rest[0] == 'A' else 'A'}{rest[1:]}",
        f"{name}.{rest}!",
        f"{name}.\ud800",
        f"{safe(OLD).seal(pair.private, pair.kid, 'EdDSA')}",
        rest,
    ]
    for text in changed:
        with pytest.raises(ValueError):
            box.open(text, pair.kid, "EdDSA")
    for kid, algorithm in ((make_pair("EdDSA").kid, "EdDSA"), (pair.kid, "ES256")):
        with pytest.raises(ValueError, match="another key"):
            box.open(sealed, kid, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stored_public_half_is_read_strictly(algorithm: str) -> None:
    """A public half that is damaged, of another kind, or under another name than its own is refused."""
    pair, other = make_pair(algorithm), make_pair(algorithm)
    jwk = json.loads(pair.public)
    wrong: list[Any] = [
        None,
        [],
        "x",
        1,
        {},
        {"kty": "oct", "k": "AAAA"},
        {**jwk, "kty": "oct"},
        {**jwk, "d": "AA"},
    ]
    wrong += [{name: value for name, value in jwk.items() if name != left_out} for left_out in jwk]
    wrong += [{**jwk, name: value} for name in jwk for value in ("", "AAAA", 1, None, ["x"])]
    for one in wrong:
        with pytest.raises(ValueError):
            load_public(one, pair.kid, algorithm)
    with pytest.raises(ValueError):
        load_public(json.loads(other.public), pair.kid, algorithm)
    with pytest.raises(ValueError):  # under the name of another key, which it also gives itself
        load_public({**jwk, "kid": other.kid}, other.kid, algorithm)
    for another in (*ALGORITHMS, "HS256", "none"):
        if another != algorithm:
            with pytest.raises(ValueError):
                load_public({**jwk, "alg": another}, pair.kid, another)


@pytest.mark.parametrize(("bits", "exponent"), [(1024, 65537), (2047, 65537), (2048, 3)])
def test_a_weaker_rsa_key_than_duet_makes_is_not_read(bits: int, exponent: int) -> None:
    """A weak key is refused although it is written as Duet would write it, under the name that follows from it."""
    numbers = generate_private_key(exponent, bits).public_key().public_numbers()
    n, e = (b64(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
    jwk = {"kty": "RSA", "n": n, "e": e, "use": "sig", "alg": "RS256"}
    with pytest.raises(ValueError, match="weaker"):
        load_public({**jwk, "kid": thumbprint(jwk)}, thumbprint(jwk), "RS256")
