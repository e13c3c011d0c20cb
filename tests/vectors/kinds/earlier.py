"""Vectors of the one key that the settings give Duet: that of an earlier system, a secret or a public key in PEM.

The public keys are written in DER by hand, because a sound library writes no unsound ones.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.vectors.cases import good
from tests.vectors.der import BITS, NULL, OBJECT, SEQUENCE, Element, encoded
from tests.vectors.keys import Signer, b64, seed, shortest, signer
from tests.vectors.weak import short_rsa

_INTEGER: Final = 0x02
# The names of kinds of keys in DER, without tag and length.
_RSA: Final = bytes.fromhex("2a864886f70d010101")
_RSA_PSS: Final = bytes.fromhex("2a864886f70d01010a")
_EC: Final = bytes.fromhex("2a8648ce3d0201")
_P256: Final = bytes.fromhex("2a8648ce3d030107")
_ED25519: Final = bytes.fromhex("2b6570")
_X25519: Final = bytes.fromhex("2b656e")


@dataclass(frozen=True)
class EarlierKey:
    """A key as it may be in the settings, and a token that its owner signed if the key is sound."""

    name: str
    algorithm: str
    key: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def is_sound(self) -> bool:
        """Whether the key is good for verifying."""
        return self.token != ""


EarlierKind: TypeAlias = Callable[[], Iterator[EarlierKey]]


def pem(data: bytes, label: str = "PUBLIC KEY") -> str:
    """Encode bytes in DER as PEM."""
    lines = base64.encodebytes(data).decode().replace("\n", "")
    body = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def _public(kind: bytes, bits: bytes, parameters: Element | None = None, unused: int = 0) -> bytes:
    """A public key in the form of X.509 (RFC 5280 section 4.1)."""
    algorithm = (Element(OBJECT, kind), *(() if parameters is None else (parameters,)))
    return encoded(Element(SEQUENCE, (Element(SEQUENCE, algorithm), Element(BITS, bytes([unused]) + bits))))


def _rsa(n: int, e: int, kind: bytes = _RSA) -> str:
    numbers = tuple(Element(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in (n, e))
    return pem(_public(kind, encoded(Element(SEQUENCE, numbers)), Element(NULL, b"")))


def _point(data: bytes, curve: bytes = _P256) -> str:
    return pem(_public(_EC, data, Element(OBJECT, curve)))


def sound_keys() -> Iterator[EarlierKey]:
    """Keys that are accepted, and with which a token is verified."""
    forms: dict[str, Callable[[Signer], str]] = {
        "EdDSA": lambda one: pem(_public(_ED25519, one.public.public_bytes_raw())),
        "ES256": lambda one: _point(one.public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        "RS256": lambda one: _rsa(one.public.public_numbers().n, one.public.public_numbers().e),
    }
    for algorithm, form in forms.items():
        one = signer(algorithm)
        yield EarlierKey(f"{algorithm}, by hand", algorithm, form(one), good(one))
        text = one.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        yield EarlierKey(f"{algorithm}, by a library", algorithm, text, good(one))
        yield EarlierKey(f"{algorithm}, in one line", algorithm, text.replace("\n", "\\n"), good(one))
    one = signer("RS256")
    text = one.public.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    yield EarlierKey("RS256, as PKCS #1", "RS256", text, good(one))
    for size in (32, 33, 64, 65, 200):
        for digest in ("256", "384", "512"):
            secret = b64(seed("a secret", size))[:size]
            earlier = Signer("earlier", f"HS{digest}", secret.encode())
            yield EarlierKey(f"{size} characters for HS{digest}", f"HS{digest}", secret, good(earlier))


def weak_keys() -> Iterator[EarlierKey]:
    """Keys of the right kind with which anybody could sign, or which are no keys at all."""
    one = signer("RS256")
    n = one.public.public_numbers().n
    yield EarlierKey("RSA of 1024 bits", "RS256", _rsa(short_rsa().public.public_numbers().n, 65537))
    for e in (0, 1, 2, 65536):
        yield EarlierKey(f"RSA with an exponent of {e}", "RS256", _rsa(n, e))
    yield EarlierKey("RSA with a modulus of 0", "RS256", _rsa(0, 65537))
    yield EarlierKey("RSA with a modulus of 1", "RS256", _rsa(1, 65537))
    yield EarlierKey("RSA with a negative modulus", "RS256", _negative(n))
    point = signer("ES256").public.public_numbers()
    x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
    for name, data in {
        "y of another bit": b"\x04" + x + y[:-1] + bytes([y[-1] ^ 1]),
        "x of another bit": b"\x04" + x[:-1] + bytes([x[-1] ^ 1]) + y,
        "x and y in each other's place": b"\x04" + y + x,
        "both 0": b"\x04" + bytes(64),
        "infinity": b"\0",
        "nothing": b"",
        "no mark": x + y,
        "cut off": b"\x04" + x + y[:-1],
        "a byte more": b"\x04" + x + y + b"\0",
        "of a mark that there is none of": b"\x05" + x + y,
        "beyond the prime": b"\x04" + b"\xff" * 64,
    }.items():
        yield EarlierKey(f"a point, {name}", "ES256", _point(data))
    data = signer("EdDSA").public.public_bytes_raw()
    for name, bits in {"cut off": data[:-1], "a byte more": data + b"\0", "nothing": b""}.items():
        yield EarlierKey(f"Ed25519, {name}", "EdDSA", pem(_public(_ED25519, bits)))
    for size in (1, 8, 16, 31):
        secret = b64(seed("a secret", size + 8))[:size]
        for digest in ("256", "384", "512"):
            yield EarlierKey(f"{size} characters for HS{digest}", f"HS{digest}", secret)
    for name, text in {
        "one letter": "a" * 64,
        "two letters": "ab" * 32,
        "a well-known one": "changeme" * 8,
    }.items():
        yield EarlierKey(f"a secret of {name}", "HS256", text)


def _negative(n: int) -> str:
    numbers = (Element(_INTEGER, shortest(n)), Element(_INTEGER, b"\x01\x00\x01"))
    return pem(_public(_RSA, encoded(Element(SEQUENCE, numbers)), Element(NULL, b"")))


def other_kinds() -> Iterator[EarlierKey]:
    """Sound keys of another kind than the algorithm takes, or in another form."""
    texts = {
        name: signer(name).public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for name in ("EdDSA", "ES256", "RS256", "ES384", "ES512")
    }
    for algorithm in ("EdDSA", "ES256", "RS256", "HS256", "HS384", "HS512"):
        for name, text in texts.items():
            if name != algorithm:
                yield EarlierKey(f"{name}'s for {algorithm}", algorithm, text)
    for curve in (ec.SECP256K1(), ec.BrainpoolP256R1()):
        private = ec.derive_private_key(int.from_bytes(seed(curve.name), "big") >> 8, curve)
        text = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        yield EarlierKey(f"{curve.name} for ES256", "ES256", text)
    edwards = ed448.Ed448PrivateKey.from_private_bytes(seed("Ed448", 57)).public_key()
    yield EarlierKey(
        "Ed448", "EdDSA", edwards.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
    exchange = x25519.X25519PrivateKey.from_private_bytes(seed("X25519")).public_key()
    text = exchange.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    yield EarlierKey("X25519", "EdDSA", text)
    data = signer("EdDSA").public.public_bytes_raw()
    yield EarlierKey("Ed25519 as X25519", "EdDSA", pem(_public(_X25519, data)))
    numbers = signer("RS256").public.public_numbers()
    yield EarlierKey("Ed25519 as RSA", "RS256", pem(_public(_RSA, data, Element(NULL, b""))))
    yield EarlierKey("RSA as Ed25519", "EdDSA", pem(_public(_ED25519, shortest(numbers.n))))
    yield EarlierKey("a point for a kind of its own", "ES256", _point(b"\x04" + bytes(64), curve=_EC))


def other_forms() -> Iterator[EarlierKey]:
    """A sound key in another form than the one that is wanted, or its private half."""
    for algorithm in ("EdDSA", "ES256", "RS256"):
        one = signer(algorithm)
        private: Any = one.private
        for name, form in {"PKCS #8": PrivateFormat.PKCS8, "OpenSSH": PrivateFormat.OpenSSH}.items():
            text = private.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
            yield EarlierKey(f"{algorithm}, the private half as {name}", algorithm, text)
        der = one.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        whole = pem(der)
        forms = {
            "in base64 alone": base64.b64encode(der).decode(),
            "in hex digits": der.hex(),
            "as a JWK": json.dumps(one.jwk),
            "as a set": json.dumps({"keys": [one.jwk]}),
            "for SSH": one.public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
            "as a certificate": pem(der, "CERTIFICATE"),
            "under another label": pem(der, "EC PARAMETERS"),
            "without its end": whole.partition("-----END")[0],
            "without its beginning": whole.partition("KEY-----")[2],
            "without its body": pem(b""),
            "cut off": pem(der[:-1]),
            "with bytes behind": pem(der + b"\0"),
            "with a letter that is none of base64": whole.replace("M", "!", 1),
            "its address": "https://earlier.example/key.pem",
            "its file": "/etc/keys/public.pem",
        }
        for name, text in forms.items():
            yield EarlierKey(f"{algorithm}, {name}", algorithm, text)


def earlier_cases_of(kind: EarlierKind) -> tuple[EarlierKey, ...]:
    """The cases of a kind, whose names begin with the kind's."""
    return tuple(replace(case, name=f"{kind.__name__}: {case.name}") for case in kind())
