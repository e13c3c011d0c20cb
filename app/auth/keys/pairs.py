"""Makes the key pairs that sign access tokens, describes them for others, and encrypts them under the secret.

Only this module imports `cryptography`, besides the one that loads the keys of an earlier system.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from app.auth.keys.keys import Key

#: The names of the algorithms in JWTs (RFC 7518 section 3.1, RFC 8037 section 3.1).
ED25519: Final = "EdDSA"
P256: Final = "ES256"
RSA: Final = "RS256"

PublicKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey
PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey

_RSA_BITS: Final = 2048
_RSA_EXPONENT: Final = 65537
_NONCE_BYTES: Final = 12
# The members of each kind of key that RFC 7638 section 3.2 and RFC 8037 section 2 hash, in this order.
_NAMED_BY: Final = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new key pair. `public` is the JSON of a JWK, and `kid` its thumbprint (RFC 7638)."""

    kid: str
    public: str
    private: PrivateKey = field(repr=False)


def make_pair(algorithm: str) -> KeyPair:
    """Makes a key pair for `EdDSA`, `ES256` or `RS256`. An RSA key takes up to a second: call this in a thread."""
    private: PrivateKey
    if algorithm == ED25519:
        private = Ed25519PrivateKey.generate()
    elif algorithm == P256:
        private = generate_private_key(SECP256R1())
    elif algorithm == RSA:
        private = generate_rsa_key(_RSA_EXPONENT, _RSA_BITS)
    else:
        raise ValueError(f"there are no key pairs for {algorithm}")
    public = private.public_key()
    kid = thumbprint(_members(public))
    return KeyPair(kid, json.dumps(_jwk(public, kid, algorithm), separators=(",", ":")), private)


def thumbprint(jwk: dict[str, Any]) -> str:
    """Returns the name of a public key that follows from the key itself (RFC 7638)."""
    named = {name: jwk[name] for name in _NAMED_BY[jwk["kty"]]}
    return _b64(hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).digest())


def load_public(jwk: Any, kid: str, algorithm: str) -> PublicKey:
    """Returns the key of a JWK. Raises `ValueError` if Duet did not make it, under this name, for `algorithm`."""
    try:
        kind = (jwk["kty"], jwk.get("crv"), algorithm)
        key: PublicKey
        if kind == ("OKP", "Ed25519", ED25519):
            key = Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
        elif kind == ("EC", "P-256", P256):
            key = EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), SECP256R1()).public_key()
        elif kind == ("RSA", None, RSA):
            key = _rsa_key(_number(jwk["e"]), _number(jwk["n"]))
        else:
            raise ValueError("a key of another kind")
        if jwk != _jwk(key, kid, algorithm) or thumbprint(jwk) != kid:
            raise ValueError("not written as Duet writes it, or under another name")
    except (KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise ValueError("not a key in the form of a JWK") from error
    return key


def _rsa_key(e: int, n: int) -> RSAPublicKey:
    # With an exponent of 1, for example, everybody can sign.
    if e != _RSA_EXPONENT or n.bit_length() < _RSA_BITS:
        raise ValueError("weaker than the RSA keys that Duet makes")
    return RSAPublicNumbers(e, n).public_key()


class Safe:
    """Keeps private halves encrypted under keys that are derived from the deployment's secrets.

    What is sealed is bound to the key's name and algorithm. So only somebody who has the secret can make a key
    that counts: anyone who can merely write to the database can't put their own key there.

    Args:
        keys: the first seals, all open.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = {key.kid: AESGCM(key.secret) for key in keys}
        self._newest = keys[0].kid

    def seal(self, private: PrivateKey | None, kid: str, algorithm: str) -> str:
        """Returns the encrypted form of `private`. If that is None, it only shows whose key it was."""
        plain = b""
        if private is not None:
            plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = self._keys[self._newest].encrypt(nonce, plain, _bound_to(kid, algorithm))
        return f"{self._newest}.{_b64(nonce + box)}"

    def open(self, sealed: str, kid: str, algorithm: str) -> PrivateKey | None:
        """Returns what `seal` was given.

        Raises:
            ValueError: no secret of this deployment sealed it, or it was not sealed for this key.
        """
        name, _, box = sealed.partition(".")
        if name not in self._keys:
            raise ValueError("sealed under another secret")
        try:
            data = _bytes(box)
            plain = self._keys[name].decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound_to(kid, algorithm))
        except InvalidTag as error:
            raise ValueError("sealed for another key, or damaged") from error
        if not plain:
            return None
        # The check that is skipped takes 50 ms for an RSA key, and what is opened here was sealed here.
        private = load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey)
        return private

    def is_newest(self, sealed: str) -> bool:
        """Returns whether the newest secret sealed it. If not, it should be sealed again."""
        return sealed.partition(".")[0] == self._newest


def _bound_to(kid: str, algorithm: str) -> bytes:
    return f"{algorithm} {kid}".encode()


def _jwk(key: PublicKey, kid: str, algorithm: str) -> dict[str, str]:
    return {**_members(key), "use": "sig", "alg": algorithm, "kid": kid}


def _members(key: PublicKey) -> dict[str, str]:
    """Returns the members of a JWK that are the key itself (RFC 7518 section 6, RFC 8037 section 2)."""
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _b64(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    if isinstance(key, EllipticCurvePublicKey):
        x, y = (_b64(number.to_bytes(32, "big")) for number in (key.public_numbers().x, key.public_numbers().y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    e, n = key.public_numbers().e, key.public_numbers().n
    return {"kty": "RSA", "n": _b64(_shortest(n)), "e": _b64(_shortest(e))}


def _shortest(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
