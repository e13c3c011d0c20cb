"""Vectors of what a key consists of: its kind, its curve, its numbers, and how these are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448

from tests.vectors.cases import claims, good, header, unsigned, with_signature
from tests.vectors.der import encoded
from tests.vectors.keys import b64, curve_signature, raw, seed, shortest, signer, thumbprint
from tests.vectors.kinds.keysets import PAIRS, KeyCase, changed, renamed
from tests.vectors.kinds.rsa_paddings import digest_info, padded
from tests.vectors.weak import guessable_rsa, short_coordinate, short_rsa, small_exponent

#: The prime of P-256, below which its coordinates are (SP 800-186).
_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_CURVES: Final[tuple[tuple[ec.EllipticCurve, str], ...]] = (
    (ec.SECP256K1(), "secp256k1"),
    (ec.SECP256K1(), "P-256"),
    (ec.BrainpoolP256R1(), "P-256"),
    (ec.SECP384R1(), "P-384"),
    (ec.SECP384R1(), "P-256"),
    (ec.SECP521R1(), "P-521"),
)


def kinds_of_keys() -> Iterator[KeyCase]:
    """`kty` and `crv`: a key of one kind is not read as a key of another."""
    for name in PAIRS:
        one = signer(name)
        for kty in ("oct", "EC", "RSA", "OKP", "ec", "", None, 1):
            if kty != one.jwk["kty"]:
                yield KeyCase(f"{name}, kty {kty!r}", (changed(one, kty=kty),), good(one))
        for crv in ("P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "p-256", "", None):
            if crv != one.jwk.get("crv"):
                yield renamed(f"{name}, crv {crv!r}", one, crv=crv)


def other_curves() -> Iterator[KeyCase]:
    """Sound keys of curves of which Duet makes none, under their own names and under others."""
    edwards = ed448.Ed448PrivateKey.from_private_bytes(seed("Ed448", 57))
    jwk = _named({"kty": "OKP", "crv": "Ed448", "x": b64(edwards.public_key().public_bytes_raw())}, "EdDSA")
    text = unsigned(header(signer("EdDSA"), kid=jwk["kid"]), claims())
    yield KeyCase("Ed448", (jwk,), with_signature(text, edwards.sign(text.encode())))
    for curve, crv in _CURVES:
        private = ec.derive_private_key(int.from_bytes(seed(curve.name), "big") >> 8, curve)
        point, size = private.public_key().public_numbers(), (curve.key_size + 7) // 8
        x, y = (b64(number.to_bytes(size, "big")) for number in (point.x, point.y))
        jwk = _named({"kty": "EC", "crv": crv, "x": x, "y": y}, "ES256")
        text = unsigned(header(signer("ES256"), kid=jwk["kid"]), claims())
        signature = raw(*curve_signature(private, text.encode()), size)
        yield KeyCase(f"{curve.name} as {crv}", (jwk,), with_signature(text, signature))


def _named(members: dict[str, Any], algorithm: str) -> dict[str, Any]:
    return {**members, "use": "sig", "alg": algorithm, "kid": thumbprint(members)}


def points() -> Iterator[KeyCase]:
    """The coordinates of a point are on the curve, and have as many bytes as the curve needs."""
    one = short_coordinate()
    point = one.public.public_numbers()
    yield KeyCase("a coordinate with a zero in front", (one.jwk,), good(one), is_token=True)
    changes: dict[str, dict[str, Any]] = {
        "x without its zero": {"x": b64(shortest(point.x))},
        "x with a zero more": {"x": b64(point.x.to_bytes(33, "big"))},
        "y with a zero more": {"y": b64(point.y.to_bytes(33, "big"))},
        "y with another bit": {"y": b64((point.y ^ 1).to_bytes(32, "big"))},
        "x with another bit": {"x": b64((point.x ^ 1).to_bytes(32, "big"))},
        "the other point of the same x": {"y": b64((_PRIME - point.y).to_bytes(32, "big"))},
        "x and y in each other's place": {"x": one.jwk["y"], "y": one.jwk["x"]},
        "both 0": {"x": b64(bytes(32)), "y": b64(bytes(32))},
        "both 1": {"x": b64(bytes(31) + b"\x01"), "y": b64(bytes(31) + b"\x01")},
        "x and the prime": {"x": b64((point.x + _PRIME).to_bytes(33, "big"))},
        "x is the prime": {"x": b64(_PRIME.to_bytes(32, "big"))},
        "no y": {"y": None},
        "no x": {"x": None},
        "y as its sign": {"y": True},
        "y empty": {"y": ""},
        "x compressed": {"x": b64(b"\x02" + point.x.to_bytes(32, "big")), "y": None},
        "x uncompressed": {
            "x": b64(b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")),
            "y": None,
        },
        "x in hex digits": {"x": point.x.to_bytes(32, "big").hex()},
        "x as a number": {"x": point.x},
        "x with padding": {"x": one.jwk["x"] + "="},
        "x with a line feed": {"x": one.jwk["x"] + "\n"},
        "x little-endian": {"x": b64(point.x.to_bytes(32, "little"))},
        "x in a list": {"x": [one.jwk["x"]]},
    }
    for name, change in changes.items():
        yield renamed(name, one, **change)


def edwards_points() -> Iterator[KeyCase]:
    """The one coordinate of an Ed25519 key has 32 bytes."""
    edwards = signer("EdDSA")
    data = edwards.public.public_bytes_raw()
    for name, x in {
        "of 31 bytes": b64(data[:31]),
        "of 33 bytes": b64(data + b"\0"),
        "with padding": b64(data) + "=",
        "in hex digits": data.hex(),
        "backwards": b64(data[::-1]),
        "with its sign turned": b64(data[:31] + bytes([data[31] ^ 0x80])),
        "empty": "",
        "of a secret": b64(seed("no point")),
        "with unused bits": b64(data)[:-1] + chr(ord(b64(data)[-1]) + 1),
    }.items():
        yield renamed(f"x {name}", edwards, x=x)


def moduli() -> Iterator[KeyCase]:
    """RSA: 2048 bits and the usual exponent, in the shortest form."""
    one = signer("RS256")
    yield KeyCase("of 1024 bits", (short_rsa().jwk,), good(short_rsa()))
    # It could be sound, but Duet makes no such keys, so it reads none.
    yield KeyCase("an exponent of 3", (small_exponent().jwk,), good(small_exponent()))
    # With this exponent the padded digest is the signature, so nobody needs a private half.
    jwk = _named({name: one.jwk[name] for name in ("kty", "n")} | {"e": "AQ"}, "RS256")
    text = unsigned(header(one, kid=jwk["kid"]), claims())
    forged = padded(encoded(digest_info(hashlib.sha256(text.encode()).digest())))
    yield KeyCase("an exponent of 1", (jwk,), with_signature(text, forged))
    n = one.public.public_numbers().n
    changes: dict[str, dict[str, Any]] = {
        "an exponent of 0": {"e": "AA"},
        "an exponent of 2": {"e": "Ag"},
        "an exponent of 65536": {"e": "AQAA"},
        "no exponent": {"e": None},
        "an exponent with a zero in front": {"e": "AAEAAQ"},
        "an exponent as a number": {"e": 65537},
        "an exponent as large as the modulus": {"e": one.jwk["n"]},
        "a modulus with a zero in front": {"n": b64(b"\0" + shortest(n))},
        "a modulus of 0": {"n": "AA"},
        "a modulus of 1": {"n": "AQ"},
        "an even modulus": {"n": b64(shortest(n + 1))},
        "no modulus": {"n": None},
        "an empty modulus": {"n": ""},
        "a modulus with padding": {"n": one.jwk["n"] + "=="},
        "a modulus in base64": {"n": one.jwk["n"].replace("-", "+").replace("_", "/")},
        "a modulus in decimal digits": {"n": str(n)},
        "a modulus as a number": {"n": n},
        "a modulus twice as long": {"n": b64(shortest(n << 2048 | n))},
        "more primes": {"oth": [{"r": "AQ", "d": "AQ", "t": "AQ"}]},
    }
    for name, change in changes.items():
        yield renamed(name, one, **change)


def no_keys() -> Iterator[KeyCase]:
    """Values that are no JWK at all."""
    one = signer("EdDSA")
    for name, value in {
        "null": None,
        "a string": one.jwk["x"],
        "a number": 1,
        "a list": [one.jwk],
        "an empty object": {},
        "a name alone": {"kid": one.kid},
        "a set in a set": {"keys": [one.jwk]},
        "an address": {"jku": "https://attacker.example/keys.json", "kid": one.kid},
    }.items():
        yield KeyCase(name, (value,), good(one))


def for_everybody() -> Iterator[KeyCase]:
    """Keys with a back door look like sound ones, and only their origin tells the difference."""
    weak = guessable_rsa()
    yield KeyCase("RSA of guessable primes", (weak.jwk,), good(weak))
    # Any multiple of the neutral point is the point itself, so this signature fits every text.
    jwk = _named({"kty": "OKP", "crv": "Ed25519", "x": b64(b"\x01" + bytes(31))}, "EdDSA")
    text = unsigned(header(signer("EdDSA"), kid=jwk["kid"]), claims())
    yield KeyCase("Ed25519, the neutral point", (jwk,), with_signature(text, b"\x01" + bytes(63)))
