"""Project Wycheproof's JWS vectors: nothing that it calls invalid passes for a signature here."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any, Final

import jwt
import pytest

from app.auth.errors import TokenInvalid
from app.auth.keys import Key
from app.auth.keys.keys import HMAC, DerivedKeys
from app.auth.tokens import AccessTokens, jws
from tests.auth.house import ISSUER, VECTORS, FakeClock

# Two vectors lost, on their way into the file, the padding that made them invalid: they are byte for byte the
# valid case 357. Two are called valid with a '?' inside a segment, which RFC 7515 section 2 does not allow.
SAME_AS_VALID: Final = {367, 370}
NOT_BASE64: Final = {372, 373}
# A payload of nothing is a valid JWS; it is no JSON, and never a token.
EMPTY: Final = {259}
SECRET: Final = b"k" * 32


def _load(name: str) -> list[dict[str, Any]]:
    path = VECTORS / "wycheproof" / name
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing, and in CI it never may")
        pytest.skip(f"the vectors are not here: {name}")
    groups: list[dict[str, Any]] = json.loads(path.read_text())["testGroups"]
    return groups


def _keys(group: dict[str, Any]) -> list[dict[str, Any]]:
    key = group.get("private") or group["public"]
    return list(key.get("keys", [key]))


def _octets(jwk: dict[str, Any]) -> bytes:
    return urlsafe_b64decode(jwk["k"] + "=" * (-len(jwk["k"]) % 4))


def _passes_as_signed(text: str, secret: Any, algorithm: str = HMAC) -> bool:
    """The signature level: the whole form, then PyJWT with the one algorithm. Some payloads are no JSON object."""
    try:
        jws._segments(text)
        jwt.PyJWS().decode(text, secret, algorithms=[algorithm])
    except (TokenInvalid, jwt.PyJWTError):
        return False
    return True


def _is_refused(text: str, *keys: Key) -> bool:
    verifier = AccessTokens(DerivedKeys(keys), issuer=ISSUER, lifetime=timedelta(minutes=15), clock=FakeClock())
    with pytest.raises(TokenInvalid):
        verifier.verify(text)
    return True


def test_hmac_signatures_get_wycheproof_s_verdict() -> None:
    """The groups with a symmetric key, 40 cases: valid exactly where Wycheproof says so."""
    ran = 0
    for group in _load("json_web_signature_test.json"):
        [jwk] = _keys(group)
        if jwk["kty"] != "oct":
            continue
        for case in group["tests"]:
            number = case["tcId"]
            valid = (case["result"] == "valid" or number in SAME_AS_VALID) and number not in NOT_BASE64
            assert _passes_as_signed(case["jws"], _octets(jwk)) == valid, case["comment"]
            ran += 1
    assert ran == 40


@pytest.mark.parametrize(("algorithm", "count"), [("ES256", 39), ("RS256", 233)])
def test_signatures_of_key_pairs_get_wycheproof_s_verdict(algorithm: str, count: int) -> None:
    """The groups with a public key of that algorithm: valid just where Wycheproof says so. EdDSA has none."""
    ran = 0
    for group in _load("json_web_signature_test.json"):
        jwk = group.get("public", {})
        if jwk.get("alg") != algorithm:
            continue
        key = jwt.PyJWK(jwk).key
        for case in group["tests"]:
            valid = case["result"] == "valid" and case["tcId"] not in EMPTY
            assert _passes_as_signed(case["jws"], key, algorithm) == valid, case["comment"]
            ran += 1
    assert ran == count


def test_no_vector_is_an_access_token() -> None:
    """All 401 cases: with the vector's own key under the vector's own name they are not ours, and no exception
    but `TokenInvalid` comes out, neither where a public key is taken for an HMAC secret."""
    ran = 0
    for group in _load("json_web_signature_test.json"):
        [jwk] = _keys(group)
        secrets = [_octets(jwk)] if jwk["kty"] == "oct" else [json.dumps(jwk).encode(), jwk["kty"].encode()]
        for case in group["tests"]:
            for secret in secrets:
                assert _is_refused(case["jws"], Key(jwk.get("kid", "none"), secret), Key("other", SECRET))
            ran += 1
    assert ran == 401


def test_a_public_key_is_no_hmac_secret() -> None:
    """The asymmetric groups, 361 cases, fail at the signature with anything that HMAC could take for their key."""
    ran = 0
    for group in _load("json_web_signature_test.json"):
        [jwk] = _keys(group)
        if jwk["kty"] == "oct":
            continue
        for case in group["tests"]:
            assert not _passes_as_signed(case["jws"], json.dumps(jwk, sort_keys=True).encode())
            ran += 1
    assert ran == 361


def test_no_key_set_of_wycheproof_yields_an_access_token() -> None:
    """The 26 cases about keys: ours are derived, 32 bytes, of one algorithm and with distinct names, and never
    read from anywhere; what remains to be seen is that no such token passes."""
    ran = 0
    for group in _load("json_web_key_test.json"):
        keys = [Key(jwk["kid"], _octets(jwk)) for jwk in _keys(group) if jwk["kty"] == "oct" and jwk["k"]]
        for case in group["tests"]:
            assert _is_refused(case["jws"], *keys, Key("other", SECRET))
            ran += 1
    assert ran == 26
