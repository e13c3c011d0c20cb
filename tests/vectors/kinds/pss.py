"""Vectors of RSASSA-PSS (RFC 8017 section 8.1), which Duet does not sign with but its library knows.

They show that nothing odd would pass if somebody gave Duet such a key one day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.vectors.cases import Case, claims, header, signed, unsigned, with_signature
from tests.vectors.keys import HASHES, seed, signer
from tests.vectors.kinds.rsa_paddings import SIZE, power

_TRAILER: Final = b"\xbc"


@dataclass(frozen=True)
class Encoding:
    """How a digest is padded (RFC 8017 section 9.1.1), where each step can be changed."""

    salt: bytes
    hash_name: str = "sha256"
    mask_name: str = ""
    prefix: bytes = bytes(8)
    mark: bytes = b"\x01"
    filler: bytes = b"\0"
    trailer: bytes = _TRAILER
    #: Bits to flip in the digest of the salted message, in the data block before masking, and in the whole.
    in_digest: int = 0
    in_block: int = 0
    in_whole: int = 0
    #: The modulus has 2048 bits and the number one less, so the first bit is cleared.
    is_cleared: bool = True

    def of(self, text: str) -> bytes:
        """The bytes that the private key turns into the signature."""
        message = hashlib.new(self.hash_name, text.encode()).digest()
        digest = _flipped(hashlib.new(self.hash_name, self.prefix + message + self.salt).digest(), self.in_digest)
        size = SIZE - len(digest) - len(self.trailer)
        block = self.filler * (size - len(self.mark) - len(self.salt)) + self.mark + self.salt
        mask = _mask(digest, size, self.mask_name or self.hash_name)
        masked = bytes(one ^ other for one, other in zip(_flipped(block, self.in_block), mask, strict=True))
        first = masked[0] & 0x7F if self.is_cleared else masked[0]
        return _flipped(bytes([first]) + masked[1:] + digest + self.trailer, self.in_whole)


def _flipped(data: bytes, bits: int) -> bytes:
    """`data` with the set bits of `bits` flipped, where both end with the lowest bit."""
    return (int.from_bytes(data, "big") ^ bits).to_bytes(len(data), "big")


def _mask(digest: bytes, size: int, name: str) -> bytes:
    """The mask by MGF1 (RFC 8017 appendix B.2.1)."""
    blocks = (hashlib.new(name, digest + number.to_bytes(4, "big")).digest() for number in range(size // 16 + 1))
    return b"".join(blocks)[:size]


def salted_paddings() -> Iterator[Case]:
    """The padded digest of PSS with one thing changed."""
    one = signer("PS256")
    text = unsigned(header(one), claims())
    right = Encoding(seed("a salt"))
    for name, encoding in {
        "as it is": right,
        "a salt of zeros": replace(right, salt=bytes(32)),
        "a salt of ones": replace(right, salt=b"\xff" * 32),
    }.items():
        yield signed(name, one, with_signature(text, power(one, encoding.of(text))))
    wrong = {
        f"a salt of {size} bytes": replace(right, salt=seed("a salt", size))
        for size in (0, 1, 20, 31, 33, 48, 64, 222)
    }
    for bit in (0, 7, 100, 128, 255):
        wrong[f"bit {bit} of the digest"] = replace(right, in_digest=1 << bit)
        wrong[f"bit {bit} of the salt"] = replace(right, in_block=1 << bit)
        wrong[f"bit {bit} of the whole"] = replace(right, in_whole=1 << bit)
    for bit in (270, 500, 1000, 1777):
        wrong[f"bit {bit} of the zeros"] = replace(right, in_block=1 << bit)
        wrong[f"bit {bit} of the whole"] = replace(right, in_whole=1 << bit)
    wrong |= {
        "another mark": replace(right, mark=b"\x02"),
        "no mark": replace(right, mark=b"\0"),
        "ones for zeros": replace(right, filler=b"\xff"),
        "the mark far in front": replace(right, mark=b"\x01" + bytes(20)),
        "a prefix of ones": replace(right, prefix=b"\xff" * 8),
        "no prefix": replace(right, prefix=b""),
        "the trailer of X9.31": replace(right, trailer=b"\x33\xcc"),
        "the trailer zero": replace(right, trailer=b"\0"),
        "the trailer less 1": replace(right, trailer=b"\xbb"),
        "no trailer": replace(right, trailer=b""),
        "a mask by SHA-1": replace(right, mask_name="sha1"),
        "a mask by SHA-512": replace(right, mask_name="sha512"),
        "SHA-1": replace(right, hash_name="sha1"),
        "SHA-1, and a mask by SHA-256": replace(right, hash_name="sha1", mask_name="sha256"),
        "SHA-512": replace(right, hash_name="sha512"),
        "SHA-512, and its salt": replace(right, hash_name="sha512", salt=seed("a salt", 64)),
    }
    for name, encoding in wrong.items():
        data = encoding.of(text)
        if int.from_bytes(data, "big") < _modulus():
            yield Case(name, one, with_signature(text, power(one, data)))


def salted_numbers() -> Iterator[Case]:
    """The signature of PSS as a number, and as bytes."""
    modulus = _modulus()
    for algorithm in ("PS256", "PS384", "PS512"):
        one = signer(algorithm)
        text = unsigned(header(one), claims())
        # The test may choose the salt, and with the same salt the signature is the same in every run.
        name = HASHES[algorithm[2:]]().name
        encoding = Encoding(seed("a salt", int(algorithm[2:]) // 8), hash_name=name)
        signature = power(one, encoding.of(text))
        number = int.from_bytes(signature, "big")
        yield signed(f"{algorithm}, as it is", one, with_signature(text, signature))
        for what, wrong in {
            "0": bytes(SIZE),
            "1": bytes(SIZE - 1) + b"\x01",
            "the modulus": modulus.to_bytes(SIZE, "big"),
            "the modulus less 1": (modulus - 1).to_bytes(SIZE, "big"),
            "and the modulus": (number + modulus).to_bytes(SIZE + 1, "big"),
            "as its negative": (modulus - number).to_bytes(SIZE, "big"),
            "a zero in front": b"\0" + signature,
            "a zero behind": signature + b"\0",
            "without its last byte": signature[:-1],
            "the padded digest itself": encoding.of(text),
        }.items():
            yield Case(f"{algorithm}, {what}", one, with_signature(text, wrong))


def _modulus() -> int:
    private = signer("PS256").private
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.public_key().public_numbers().n
