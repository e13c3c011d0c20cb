"""Duet's and joserfc's verdicts on a vector. Everything that the vectors need of either is imported here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from joserfc import jws as jose
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from app.auth.bearers.earlier_keys import verifying_key
from app.auth.errors import NotAuthenticated, TokenInvalid
from app.auth.keys.keys import HMAC, KeyRing, Purpose, TokenKey
from app.auth.keys.pairs import Safe, load_public
from app.auth.models.keys import SigningKey
from app.auth.tokens import jws
from app.auth.tokens.access import AccessTokens
from app.settings.earlier_key import check_earlier_key
from tests.auth.house import FakeClock, House, house_on
from tests.kit.duet import SECRET
from tests.vectors.cases import ISSUER, NOW, Case
from tests.vectors.keys import OURS, Signer, our_signers
from tests.vectors.kinds.earlier import EarlierKey
from tests.vectors.kinds.keysets import KeyCase

# The errors by which joserfc says no: besides its own it raises those of the layers below it.
_NO = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class Book:
    """Keys by name, like Duet's own book of keys; none of them signs."""

    def __init__(self, keys: Iterable[TokenKey]) -> None:
        self._keys = {key.kid: key for key in keys}

    def signer(self) -> TokenKey:
        """Fail, because there is no signing key."""
        raise AssertionError("nothing is signed with these keys")

    def find(self, kid: str) -> TokenKey | None:
        """The key of that name."""
        return self._keys.get(kid)


def token_key(signer: Signer) -> TokenKey:
    """The key in Duet's own form."""
    return TokenKey(signer.kid, signer.algorithm, signer.public, None)


def secret_key(kid: str, secret: bytes) -> TokenKey:
    """A secret in Duet's own form."""
    return TokenKey(kid, HMAC, secret, None)


def tokens_of(*keys: TokenKey) -> AccessTokens:
    """A fresh verifier of access tokens with these keys, at the time of the vectors."""
    clock = FakeClock()
    clock.instant = NOW
    return AccessTokens(Book(keys), issuer=ISSUER, lifetime=timedelta(minutes=15), clock=clock)


def passes_as_signed(text: str, key: Any, algorithm: str) -> bool:
    """Whether Duet accepts the form and its library the signature, with that one algorithm and any payload.

    Any other error than theirs fails the test.
    """
    try:
        jws.header_of(text)
        jwt.PyJWS().decode(text, key, algorithms=[algorithm])
    except (TokenInvalid, jwt.PyJWTError):
        return False
    return True


def claims_in(text: str, key: Any, algorithm: str) -> dict[str, Any] | None:
    """The claims that Duet reads; None if it believes nothing. Any other error than its own fails the test."""
    try:
        return jws.verified(text, key, algorithm)
    except TokenInvalid:
        return None


def is_well_formed(text: str) -> bool:
    """Whether Duet can read a header, before it looks for any key."""
    try:
        jws.header_of(text)
    except TokenInvalid:
        return False
    return True


def passes_as_token(case: Case) -> bool:
    """Whether Duet accepts the text as an access token when it knows a key of each of its algorithms, and the
    case's.

    Duet is asked twice, because it remembers what it has verified. Any other error fails the test.
    """
    known = [*our_signers(), *([case.signer] if case.signer.algorithm in OURS else [])]
    tokens = tokens_of(*map(token_key, known))
    return _is_taken(tokens.verify, case.text) and _is_taken(tokens.verify, case.text)


def passes_as_token_of(text: str, key: TokenKey) -> bool:
    """Whether Duet accepts the text as an access token when it knows that one key."""
    return _is_taken(tokens_of(key).verify, text)


def _is_taken(verify: Callable[[str], object], text: str) -> bool:
    try:
        verify(text)
    except TokenInvalid:
        return False
    return True


def second_opinion(case: Case) -> bool:
    """The verdict of joserfc on the signature, with the case's key and its one algorithm."""
    key = JWKRegistry.import_key(dict(case.signer.jwk))
    # A parameter that joserfc does not know is no reason to refuse a signature (RFC 7515 section 4).
    registry = jose.JWSRegistry(algorithms=[case.signer.algorithm], strict_check_header=False)
    try:
        jose.deserialize_compact(case.text.encode("utf-8", "surrogatepass"), key, registry=registry)
    except _NO:
        return False
    return True


def _read(jwk: Any) -> TokenKey | None:
    """The key as Duet reads it from its store, by name and algorithm; None if Duet refuses it."""
    said = jwk if isinstance(jwk, dict) else {}
    try:
        public = load_public(jwk, said.get("kid"), said.get("alg"))  # type: ignore[arg-type]
    except ValueError:
        return None
    return TokenKey(said["kid"], said["alg"], public, None)


def passes_with_keys(case: KeyCase) -> bool:
    """Whether Duet accepts the token when it knows those of the keys that it can read."""
    known = [key for key in map(_read, case.keys) if key is not None]
    return _is_taken(tokens_of(*known).verify, case.text)


def second_opinion_on_keys(case: KeyCase) -> bool:
    """The verdict of joserfc, which reads the set by itself and knows the same three algorithms."""
    registry = jose.JWSRegistry(algorithms=["EdDSA", "ES256", "RS256"], strict_check_header=False)
    try:
        keys = KeySet.import_key_set({"keys": list(case.keys)})
        jose.deserialize_compact(case.text, keys, registry=registry)
    except _NO:
        return False
    return True


def reads_earlier_key(case: EarlierKey) -> bool:
    """Whether Duet starts with that key in its settings."""
    today = NOW.date()
    until = today + timedelta(days=14)
    try:
        check_earlier_key(case.key, case.algorithm, until, others={}, own_secrets=(), today=today)
    except ValueError:
        return False
    return True


def passes_with_earlier_key(case: EarlierKey) -> bool:
    """Whether Duet verifies the token of the key's owner with that key."""
    return claims_in(case.token, verifying_key(case.key, case.algorithm), case.algorithm) is not None


async def believed_in_store(folder: Path, cases: Sequence[KeyCase], *, is_sealed_here: bool) -> list[str]:
    """The cases whose token counts in a Duet with all of their keys in its store.

    Args:
        folder: where the database goes.
        cases: the cases, which may share keys.
        is_sealed_here: True if the deployment's own secret sealed the keys, False if a stranger's did.
    """
    ring = KeyRing([SECRET if is_sealed_here else "the secret of a stranger: 9kTq2nVw7xLz"])
    rows = _rows(cases, Safe(ring.keys(Purpose.SIGNING_KEYS)))
    clock = FakeClock()
    clock.instant = NOW
    async with house_on(f"sqlite:///{folder / 'duet.db'}", clock=clock, algorithm="EdDSA") as house:
        for row in rows:
            assert await house.store.add_signing_key(row)
        await house.auth.signing.book.poll()
        return [case.name for case in cases if _is_believed(house, case.text)]


def _rows(cases: Iterable[KeyCase], safe: Safe) -> list[SigningKey]:
    """The rows that would have to be stored for the keys to count."""
    rows: dict[str, SigningKey] = {}
    for case in cases:
        for jwk in case.keys:
            said = jwk if isinstance(jwk, dict) else {}
            kid, algorithm = str(said.get("kid")), str(said.get("alg"))
            sealed = safe.seal(None, kid, algorithm)
            # Each row has its own predecessor: of two rows with the same one, the store takes only the first.
            previous = f"before {kid}"
            rows.setdefault(kid, SigningKey(kid, algorithm, json.dumps(jwk), sealed, NOW, NOW, previous))
    return list(rows.values())


def _is_believed(house: House, text: str) -> bool:
    try:
        house.auth.sessions.authenticate(text)
    except NotAuthenticated:
        return False
    return True
