"""The keys that sign the vectors.

Each follows from a name, so the vectors are the same in every run, except for the salt that PSS draws.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey: TypeAlias = bytes | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

#: The algorithms that Duet signs with. The others are known to the libraries alone.
OURS: Final = ("HS256", "EdDSA", "ES256", "RS256")
OTHERS: Final = ("HS384", "HS512", "ES384", "ES512", "RS384", "RS512", "PS256", "PS384", "PS512")
EXPONENT: Final = 65537

HASHES: Final[dict[str, Callable[..., Any]]] = {
    "256": hashlib.sha256,
    "384": hashlib.sha384,
    "512": hashlib.sha512,
}
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: Final[dict[str, tuple[str, ec.EllipticCurve]]] = {
    "ES256": ("P-256", ec.SECP256R1()),
    "ES384": ("P-384", ec.SECP384R1()),
    "ES512": ("P-521", ec.SECP521R1()),
}
# The distance from each named number to the next fitting prime, because finding one takes a second.
_NEXT_PRIMES: Final = {"Duet": (798, 506), "a stranger": (626, 780), "a short key": (68, 56)}


@dataclass(frozen=True)
class Signer:
    """A signer with one algorithm, who goes by the name `kid`."""

    kid: str
    algorithm: str
    private: PrivateKey = field(repr=False)

    @property
    def is_pair(self) -> bool:
        """Whether the key has a public half."""
        return not isinstance(self.private, bytes)

    @property
    def public(self) -> Any:
        """The key to verify with: a secret, or a public key of `cryptography`."""
        return self.private if isinstance(self.private, bytes) else self.private.public_key()

    @property
    def jwk(self) -> dict[str, str]:
        """The key to verify with as a JWK (RFC 7517)."""
        return {**members(self.public), "use": "sig", "alg": self.algorithm, "kid": self.kid}

    def sign(self, data: bytes, algorithm: str = "") -> bytes:
        """The signature as a JWS has it; `algorithm` may be another one that this kind of key can sign with."""
        name, key = algorithm or self.algorithm, self.private
        size = name[2:]
        if isinstance(key, bytes):
            return hmac.digest(key, data, HASHES[size])
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return raw(*curve_signature(key, data, size), (key.key_size + 7) // 8)
        if name.startswith("PS"):
            pss = padding.PSS(mgf=padding.MGF1(_HASHES[size]), salt_length=_HASHES[size].digest_size)
            return key.sign(data, pss, _HASHES[size])
        return key.sign(data, padding.PKCS1v15(), _HASHES[size])


def b64(data: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(r: int, s: int, size: int) -> bytes:
    """The two numbers of an ECDSA signature as a JWS has them (RFC 7518 section 3.4), in `size` bytes each."""
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def curve_signature(key: ec.EllipticCurvePrivateKey, data: bytes, size: str = "256") -> tuple[int, int]:
    """The two numbers of a signature, which are the same in every run (RFC 6979)."""
    return decode_dss_signature(key.sign(data, ec.ECDSA(_HASHES[size], deterministic_signing=True)))


def seed(name: str, size: int = 32) -> bytes:
    """Bytes that follow from `name`."""
    return hashlib.shake_256(f"vectors: {name}".encode()).digest(size)


@cache
def signer(algorithm: str, owner: str = "Duet") -> Signer:
    """The key of `owner` for that algorithm."""
    private = _private(algorithm, owner)
    if isinstance(private, bytes):
        return Signer(f"{algorithm} of {owner}", algorithm, private)
    return Signer(thumbprint(members(private.public_key())), algorithm, private)


def our_signers() -> list[Signer]:
    """Our signers, one for each algorithm that Duet signs with."""
    return [signer(algorithm) for algorithm in OURS]


@cache
def secret_of(size: int) -> Signer:
    """An HMAC key of `size` bytes."""
    return Signer(f"HS256 of {size} bytes", "HS256", seed("a secret", size))


def _private(algorithm: str, owner: str) -> PrivateKey:
    if algorithm.startswith("HS"):
        return seed(f"{algorithm} of {owner}", int(algorithm[2:]) // 8)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed(f"EdDSA of {owner}"))
    if algorithm in _CURVES:
        return ec.derive_private_key(int.from_bytes(seed(f"{algorithm} of {owner}"), "big"), _CURVES[algorithm][1])
    return rsa_key(owner)


@cache
def rsa_key(owner: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The RSA key of `owner`, who has only one, of that many bits."""
    names = ("first prime", "second prime")
    p, q = (_number_of(f"{owner}'s RSA key, {name}", bits // 2) for name in names)
    after_p, after_q = _NEXT_PRIMES[owner]
    return rsa_of(p + after_p, q + after_q)


def rsa_of(p: int, q: int, e: int = EXPONENT) -> rsa.RSAPrivateKey:
    """The RSA key with these two primes."""
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _number_of(name: str, bits: int) -> int:
    """An odd number of that many bits, so large that the product of two has twice as many."""
    data = b"".join(hashlib.sha512(f"{name} {block}".encode()).digest() for block in range(bits // 512 + 1))
    return int.from_bytes(data, "big") >> (len(data) * 8 - bits) | 3 << (bits - 2) | 1


def members(public: Any) -> dict[str, str]:
    """The members of a JWK that are the key itself (RFC 7518 section 6, RFC 8037 section 2)."""
    if isinstance(public, bytes):
        return {"kty": "oct", "k": b64(public)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    if isinstance(public, ec.EllipticCurvePublicKey):
        names = {size: name for name, curve in _CURVES.values() for size in [curve.key_size]}
        size, point = (public.key_size + 7) // 8, public.public_numbers()
        x, y = (b64(number.to_bytes(size, "big")) for number in (point.x, point.y))
        return {"kty": "EC", "crv": names[public.key_size], "x": x, "y": y}
    numbers = public.public_numbers()
    return {"kty": "RSA", "n": b64(shortest(numbers.n)), "e": b64(shortest(numbers.e))}


def shortest(number: int) -> bytes:
    """The number big-endian, without leading zeros (RFC 7518 section 2)."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def thumbprint(jwk: dict[str, str]) -> str:
    """The name of a public key, which follows from the key itself (RFC 7638)."""
    named = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    return b64(hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).digest())
