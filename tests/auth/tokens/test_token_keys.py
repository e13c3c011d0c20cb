"""Access tokens under key pairs: only a key's own algorithm counts, and a public key can only verify."""

from __future__ import annotations

import contextlib
import hashlib
import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from app.auth.clock import BEGINNING
from app.auth.errors import KeyRetired, TokenInvalid
from app.auth.keys import KeyRing, Purpose
from app.auth.keys.keys import TokenKey
from app.auth.keys.pairs import load_public, make_pair
from app.auth.tokens import AccessTokens, jws
from tests.auth.house import ISSUER
from tests.auth.jws import b64, dumps, signed
from tests.auth.tokens.test_tokens import CLOCK, KEY, LIFETIME, _user_and_session, claims
from tests.kit.duet import SECRET

ALGORITHMS = ["EdDSA", "ES256", "RS256"]


def new_key(algorithm: str) -> TokenKey:
    """A key pair as the book of keys holds it."""
    pair = make_pair(algorithm)
    return TokenKey(pair.kid, algorithm, load_public(json.loads(pair.public), pair.kid, algorithm), pair.private)


PAIRS = {algorithm: new_key(algorithm) for algorithm in ALGORITHMS}
DERIVED = TokenKey(KEY.kid, "HS256", KEY.secret, KEY.secret)


class Book:
    """Keys by name, which the test may change; the last one signs."""

    def __init__(self, *keys: TokenKey) -> None:
        self.keys = {key.kid: key for key in keys}

    def signer(self) -> TokenKey:
        """The last key."""
        return list(self.keys.values())[-1]

    def find(self, kid: str) -> TokenKey | None:
        """The key of that name."""
        return self.keys.get(kid)


def verifier(book: Book) -> AccessTokens:
    """A verifier that has seen no token yet."""
    return AccessTokens(book, issuer=ISSUER, lifetime=LIFETIME, clock=CLOCK)


def every_key() -> Book:
    """A derived key and a pair of each algorithm, all in use, which is more than there ever are in practice."""
    return Book(DERIVED, *PAIRS.values())


def good(key: TokenKey, **changes: Any) -> str:
    """A token that `key` signed."""
    header = {"typ": "at+jwt", "kid": key.kid}
    return jws.signed(claims(**changes), key.signing, key.algorithm, header)


@pytest.mark.parametrize("key", [DERIVED, *PAIRS.values()], ids=lambda key: key.algorithm)
def test_a_token_of_each_algorithm_is_taken(key: TokenKey) -> None:
    """Good tokens are accepted, or the refusals below would prove nothing."""
    assert verifier(every_key()).verify(good(key)).user_id == "user-1"


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512", *ALGORITHMS, "ES384", "PS256", "none", "None", ""])
@pytest.mark.parametrize("key", [DERIVED, *PAIRS.values()], ids=lambda key: key.algorithm)
def test_the_header_chooses_no_algorithm(key: TokenKey, name: str) -> None:
    """A good token whose header names any algorithm but its key's own is refused."""
    if name == key.algorithm:
        return
    _, payload, signature = good(key).split(".")
    header = b64(dumps({"alg": name, "kid": key.kid, "typ": "at+jwt"}))
    for token in (f"{header}.{payload}.{signature}", f"{header}.{payload}.", f"{header}.{payload}.AAAA"):
        with pytest.raises(TokenInvalid):
            verifier(every_key()).verify(token)


@pytest.mark.parametrize("theirs", [DERIVED, *PAIRS.values()], ids=lambda key: f"signed by {key.algorithm}")
@pytest.mark.parametrize("ours", [DERIVED, *PAIRS.values()], ids=lambda key: f"as {key.algorithm}")
def test_no_key_signs_in_the_name_of_another(theirs: TokenKey, ours: TokenKey) -> None:
    """The key's name picks the key, and the key its own algorithm, whichever algorithm the header names."""
    if theirs is ours:
        return
    token = jws.signed(claims(), theirs.signing, theirs.algorithm, {"typ": "at+jwt", "kid": ours.kid})
    head, payload, signature = token.split(".")
    renamed = b64(dumps({"alg": ours.algorithm, "kid": ours.kid, "typ": "at+jwt"}))
    for one in (token, f"{renamed}.{payload}.{signature}", f"{head}.{payload}.{good(ours).split('.')[2]}"):
        with pytest.raises(TokenInvalid):
            verifier(every_key()).verify(one)


def forms_of(key: TokenKey) -> list[bytes]:
    """Every common form of a public key."""
    public = key.verifying
    info = PublicFormat.SubjectPublicKeyInfo
    pem, der = public.public_bytes(Encoding.PEM, info), public.public_bytes(Encoding.DER, info)
    jwk = {**_to_jwk(public), "use": "sig", "alg": key.algorithm, "kid": key.kid}
    texts = [json.dumps(jwk), json.dumps(jwk, separators=(",", ":")), json.dumps({"keys": [jwk]}), key.kid]
    texts += [value for value in jwk.values() if len(value) > 20]
    found = [pem, pem.strip(), pem.replace(b"\n", b""), der, *(text.encode() for text in texts)]
    if key.algorithm == "EdDSA":
        found.append(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    if key.algorithm == "ES256":
        found.append(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    if key.algorithm == "RS256":
        found.append(public.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
    return found


def _to_jwk(public: Any) -> dict[str, str]:
    for algorithm in (OKPAlgorithm, ECAlgorithm, RSAAlgorithm):
        with contextlib.suppress(InvalidKeyError, TypeError, AttributeError):
            jwk: dict[str, str] = algorithm.to_jwk(public, as_dict=True)
            jwk.pop("key_ops", None)
            return jwk
    raise AssertionError("a key of no kind")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_signs_nothing(algorithm: str) -> None:
    """Used as an HMAC secret, in any form, under any key's name and any algorithm, it is refused
    (CVE-2015-9235)."""
    for secret in forms_of(PAIRS[algorithm]):
        for key in (PAIRS[algorithm], DERIVED):
            for name in ("HS256", "HS512", algorithm):
                digest = hashlib.sha512 if name == "HS512" else hashlib.sha256
                token = signed({"alg": name, "typ": "at+jwt", "kid": key.kid}, claims(), secret, digest)
                with pytest.raises(TokenInvalid):
                    verifier(every_key()).verify(token)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["HS256", "EdDSA", "ES256", "RS256"])
def test_the_derived_secret_signs_nothing_in_the_name_of_a_pair(algorithm: str, name: str) -> None:
    """The secret of a fallback, or of another purpose, makes no token of a key pair."""
    for purpose in Purpose:
        secret = KeyRing([SECRET]).keys(purpose)[0].secret
        token = signed({"alg": name, "typ": "at+jwt", "kid": PAIRS[algorithm].kid}, claims(), secret)
        with pytest.raises(TokenInvalid):
            verifier(every_key()).verify(token)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_changed_signature_or_text_is_refused(algorithm: str) -> None:
    """A changed bit, and a signature that is cut, doubled, empty or all zeros, are refused."""
    key = PAIRS[algorithm]
    head, payload, signature = good(key).split(".")
    raw = urlsafe_b64decode(signature + "==")
    wrong = [b"", raw[:-1], raw + b"\0", raw + raw, bytes(len(raw)), raw[:-1] + bytes([raw[-1] ^ 1])]
    wrong += [bytes([raw[0] ^ 128]) + raw[1:], b"\xff" * len(raw), raw[::-1]]
    tokens = [f"{head}.{payload}.{b64(one)}" for one in wrong]
    tokens.append(f"{head}.{b64(dumps(claims(roles=['admin', 'more'])))}.{signature}")
    tokens.append(f"{b64(dumps({'alg': algorithm, 'typ': 'JWT', 'kid': key.kid}))}.{payload}.{signature}")
    for token in tokens:
        with pytest.raises(TokenInvalid):
            verifier(every_key()).verify(token)


# whether the key still counts


@pytest.mark.parametrize("is_remembered", [True, False])
def test_the_key_is_judged_on_every_use(is_remembered: bool) -> None:
    """A token that was accepted a moment ago is refused once its key has ended, was retired, or is gone."""
    key = PAIRS["EdDSA"]
    book = Book(key)
    tokens, token = verifier(book), good(key)
    if is_remembered:
        tokens.verify(token)
    now = CLOCK.now()
    for changes, refusal in (
        ({"ends_at": now}, KeyRetired),
        ({"retired_at": now}, KeyRetired),
        ({"ends_at": BEGINNING}, KeyRetired),
    ):
        changed: Any = changes
        book.keys[key.kid] = replace(key, **changed)
        with pytest.raises(refusal) as refused:
            tokens.verify(token)
        assert refused.value.principal.session_id == "session-1"
    for changes in ({"ends_at": now + timedelta(milliseconds=1)}, {"retired_at": now + timedelta(milliseconds=1)}):
        later: Any = changes
        book.keys[key.kid] = replace(key, **later)
        tokens.verify(token)
    del book.keys[key.kid]
    with pytest.raises(TokenInvalid):
        tokens.verify(token)


def test_what_is_said_first() -> None:
    """For a key that has ended or was retired, that is the reason, whatever else is wrong with the token."""
    key = PAIRS["ES256"]
    now = int(CLOCK.now().timestamp())
    expired, early = good(key, iat=now - 900, exp=now), good(key, iat=now + 61, exp=now + 900)
    over, retired = Book(replace(key, ends_at=BEGINNING)), Book(replace(key, retired_at=BEGINNING))
    for token in (expired, early, good(key)):
        for book in (over, retired):
            with pytest.raises(KeyRetired):
                verifier(book).verify(token)


def test_the_signer_is_asked_for_each_token() -> None:
    """The signing key may change from one token to the next."""
    tokens = verifier(book := Book(PAIRS["EdDSA"]))
    user, session = _user_and_session()
    kids = [jws.header_of(tokens.issue(user, session)[0])["kid"]]
    book.keys[PAIRS["ES256"].kid] = PAIRS["ES256"]
    token, _ = tokens.issue(user, session)
    kids.append(jws.header_of(token)["kid"])
    assert kids == [PAIRS["EdDSA"].kid, PAIRS["ES256"].kid]
    assert tokens.verify(token).user_id == user.id
