"""Vectors of RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2): the padded digest has one form, to the last bit.

A reader that parses it instead of comparing it accepts signatures that nobody made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo

from tests.vectors.cases import Case, claims, header, signed, token, unsigned, with_signature
from tests.vectors.der import EDITS, NULL, OBJECT, OCTETS, SEQUENCE, Element, encoded
from tests.vectors.keys import Signer, signer

#: The size of the modulus in bytes.
SIZE: Final = 256
# The names of hashes in DER (RFC 8017 appendix B.1), without tag and length.
_SHA256: Final = bytes.fromhex("608648016503040201")
_HASH_NAMES: Final = {
    "SHA-1": bytes.fromhex("2b0e03021a"),
    "MD5": bytes.fromhex("2a864886f70d0205"),
    "SHA-384": bytes.fromhex("608648016503040202"),
    "SHA-512": bytes.fromhex("608648016503040203"),
    "SHA-224": bytes.fromhex("608648016503040204"),
    "SHA-512/256": bytes.fromhex("608648016503040206"),
    "SHA3-256": bytes.fromhex("608648016503040208"),
    "SHA-256 with RSA": bytes.fromhex("2a864886f70d01010b"),
    "nobody": bytes.fromhex("608648016503040211"),
    "SHA-256 and more": _SHA256 + b"\x01",
    "SHA-256 with a number of too many bytes": _SHA256[:-1] + b"\x80\x01",
    "SHA-256 with a number that 2 to the 32 is added to": _SHA256[:-1] + b"\x90\x80\x80\x80\x01",
    "SHA-256 with a number that 2 to the 64 is added to": _SHA256[:-1]
    + b"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    "SHA-256 with a number that has no end": _SHA256 + b"\x80",
    "SHA-256 with a zero number in front": b"\x80" + _SHA256,
}
_PARTS: Final[dict[str, tuple[int, ...]]] = {
    "the whole": (),
    "the algorithm": (0,),
    "the name": (0, 0),
    "the NULL": (0, 1),
    "the digest": (1,),
}


def power(one: Signer, data: bytes) -> bytes:
    """What the private key makes of any bytes (RFC 8017 section 5.2.1), with the help of the two primes."""
    assert isinstance(one.private, rsa.RSAPrivateKey)
    key = one.private.private_numbers()
    number = int.from_bytes(data, "big")
    at_p, at_q = pow(number, key.dmp1, key.p), pow(number, key.dmq1, key.q)
    return (at_q + (at_p - at_q) * key.iqmp % key.p * key.q).to_bytes(SIZE, "big")


def signed_as_it_is(one: Signer, info: bytes) -> bytes:
    """The signature with `info`, in the usual padding, in place of the digest's description."""
    assert isinstance(one.private, rsa.RSAPrivateKey)
    return one.private.sign(info, padding.PKCS1v15(), NoDigestInfo())


def padded(info: bytes, block: bytes = b"\0\x01", end: bytes = b"\0", filler: bytes = b"\xff") -> bytes:
    """The digest's description, padded to as many bytes as the modulus has (RFC 8017 section 9.2)."""
    return block + filler * (SIZE - len(block) - len(end) - len(info)) + end + info


def digest_info(digest: bytes, name: bytes = _SHA256) -> Element:
    """The digest's description: the name of the hash, and the digest."""
    algorithm = Element(SEQUENCE, (Element(OBJECT, name), Element(NULL, b"")))
    return Element(SEQUENCE, (algorithm, Element(OCTETS, digest)))


def _text_of(one: Signer) -> tuple[str, bytes]:
    text = unsigned(header(one), claims())
    return text, hashlib.sha256(text.encode()).digest()


def digest_descriptions() -> Iterator[Case]:
    """The description of the digest, with one of its five elements written in another way."""
    one = signer("RS256")
    text, digest = _text_of(one)
    info = digest_info(digest)
    right = encoded(info)
    yield token("as it is", one, with_signature(text, signed_as_it_is(one, right)))
    seen = {right}
    for part, path in _PARTS.items():
        for name, edit in EDITS.items():
            wrong = encoded(info, path, edit)
            if wrong not in seen and len(wrong) < SIZE - 11:
                seen.add(wrong)
                yield Case(f"{part}, {name}", one, with_signature(text, signed_as_it_is(one, wrong)))


def other_hashes() -> Iterator[Case]:
    """The name of another hash, with the digest by SHA-256 or by that hash."""
    one = signer("RS256")
    text, digest = _text_of(one)
    for name, number in _HASH_NAMES.items():
        wrong = encoded(digest_info(digest, number))
        yield Case(f"the name of {name}", one, with_signature(text, signed_as_it_is(one, wrong)))
    data = text.encode()
    digests = {"SHA-1": "sha1", "MD5": "md5", "SHA-224": "sha224", "SHA-384": "sha384", "SHA-512": "sha512"}
    for name, function in digests.items():
        other = hashlib.new(function, data, usedforsecurity=False).digest()
        wrong = encoded(digest_info(other, _HASH_NAMES[name]))
        yield Case(f"{name}", one, with_signature(text, signed_as_it_is(one, wrong)))
        misnamed = encoded(digest_info(other))
        yield Case(f"{name} under the name of SHA-256", one, with_signature(text, signed_as_it_is(one, misnamed)))
    without = encoded(Element(SEQUENCE, (Element(SEQUENCE, (Element(OBJECT, _SHA256),)), Element(OCTETS, digest))))
    yield Case("no parameters", one, with_signature(text, signed_as_it_is(one, without)))
    yield Case("the digest alone", one, with_signature(text, signed_as_it_is(one, digest)))
    yield Case("the text alone", one, with_signature(text, signed_as_it_is(one, data[:200])))


def fillings() -> Iterator[Case]:
    """The bytes in front of the description: two fixed ones, as many ones as fit, and a zero."""
    one = signer("RS256")
    text, digest = _text_of(one)
    info = encoded(digest_info(digest))
    right = padded(info)
    whole = {
        "a block of type 0": padded(info, block=b"\0\0"),
        "a block of type 2": padded(info, block=b"\0\x02"),
        "a block of type 1 with other filling": padded(info, filler=b"\xfe"),
        "a block that is filled with zeros": padded(info, filler=b"\0"),
        "a one in front": padded(info, block=b"\x01\x01"),
        "no zero in front": b"\x01" + right[2 : -len(info) - 1] + b"\0" + info + b"\0",
        "no zero before the description": padded(info, end=b"\xff"),
        "two zeros before the description": padded(info, end=b"\0\0"),
        "a one before the description": padded(info, end=b"\x01"),
        "a zero in the middle": right[:100] + b"\0" + right[101:],
        "a zero at the start": right[:2] + b"\0" + right[3:],
        "another bit in the middle": right[:100] + b"\xfb" + right[101:],
        "another bit at the start": right[:2] + b"\x7f" + right[3:],
        "another bit at the end": right[: -len(info) - 2] + b"\xfe\0" + info,
        "X9.31": b"\x6b" + b"\xbb" * (SIZE - 36) + b"\xba" + digest + b"\x33\xcc",
        "nothing but the description": info.rjust(SIZE, b"\0"),
    }
    # With a small exponent anybody can find a cube root of a number that ends in rubbish.
    for count in (0, 1, 7, 8, 9, 100):
        start = b"\0\x01" + b"\xff" * count + b"\0" + info
        whole[f"{count} ones, and zeros behind"] = start.ljust(SIZE, b"\0")
        whole[f"{count} ones, and rubbish behind"] = start.ljust(SIZE, b"\x5a")
    whole["one byte behind"] = right[:2] + right[3:] + b"\0"
    for name, wrong in whole.items():
        yield Case(name, one, with_signature(text, power(one, wrong)))


def numbers() -> Iterator[Case]:
    """The signature as a number: below the modulus, and with as many bytes (RFC 8017 section 8.2.2)."""
    one = signer("RS256")
    assert isinstance(one.private, rsa.RSAPrivateKey)
    modulus = one.private.public_key().public_numbers().n
    # The first text whose signature begins with a zero, which takes a while to find.
    text = unsigned(header(one), claims(jti="token-163"))
    signature = one.sign(text.encode())
    number = int.from_bytes(signature, "big")
    assert signature[0] == 0
    yield token("a zero in front", one, with_signature(text, signature))
    short = {
        "without its zero": signature[1:],
        "without its zero, and one behind": signature[1:] + b"\0",
        "two zeros in front": b"\0" + signature,
        "and the modulus": (number + modulus).to_bytes(SIZE, "big"),
        "and the modulus, in more bytes": (number + modulus).to_bytes(SIZE + 1, "big"),
        "and twice the modulus": (number + 2 * modulus).to_bytes(SIZE + 1, "big"),
        "as its negative": (modulus - number).to_bytes(SIZE, "big"),
        "little-endian": signature[::-1],
        "as digits": str(number).encode(),
        "0": bytes(SIZE),
        "1": bytes(SIZE - 1) + b"\x01",
        "the modulus": modulus.to_bytes(SIZE, "big"),
        "the modulus less 1": (modulus - 1).to_bytes(SIZE, "big"),
        "the modulus and 1": (modulus + 1).to_bytes(SIZE, "big"),
        "the largest": b"\xff" * SIZE,
        "the padded digest itself": padded(encoded(digest_info(hashlib.sha256(text.encode()).digest()))),
        "of 1024 bits": signature[128:],
        "of 4096 bits": bytes(SIZE) + signature,
    }
    for name, wrong in short.items():
        yield Case(name, one, with_signature(text, wrong))
    other = signer("RS256", "a stranger")
    yield Case("of a stranger", one, with_signature(text, other.sign(text.encode())))
    plain = unsigned(header(one, typ=None, kid=None), b"a sentence")
    yield signed(
        "of a sentence",
        one,
        with_signature(plain, power(one, padded(encoded(digest_info(hashlib.sha256(plain.encode()).digest()))))),
    )
