"""Vectors of HMAC (RFC 7518 section 3.2): keys of each length, odd-looking MACs, and MACs of another kind."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Final

from tests.vectors.cases import Case, claims, dumps, good, header, token, unsigned, with_signature
from tests.vectors.keys import b64, secret_of, signer

# From the shortest allowed length to one above a block of SHA-256, which is hashed first (RFC 2104).
_SIZES: Final = (32, 33, 47, 48, 63, 64, 65, 128, 129, 1024)


def key_lengths() -> Iterator[Case]:
    """Keys of each allowed length, of which all bytes count."""
    for size in _SIZES:
        one = secret_of(size)
        assert isinstance(one.private, bytes)
        text = unsigned(header(one), claims())
        yield token(f"{size} bytes", one, good(one))
        near = {
            "without its last byte": one.private[:-1],
            "without its first byte": one.private[1:],
            "with another last bit": one.private[:-1] + bytes([one.private[-1] ^ 1]),
            "backwards": one.private[::-1],
            "a zero in front": b"\0" + one.private,
            "in base64": b64(one.private).encode(),
            "in hex digits": one.private.hex().encode(),
            "none": b"",
        }
        for name, key in near.items():
            yield Case(f"{size} bytes, the key {name}", one, with_signature(text, _hmac(key, text)))


def odd_macs() -> Iterator[Case]:
    """MACs that begin or end with zeros or ones, or look odd as text, are bytes like all others."""
    one = signer("HS256")
    wanted: dict[str, Callable[[bytes], bool]] = {
        "a zero in front": lambda mac: mac[0] == 0,
        "a zero behind": lambda mac: mac[-1] == 0,
        "ones in front": lambda mac: mac[0] == 0xFF,
        "ones behind": lambda mac: mac[-1] == 0xFF,
        "AA in front": lambda mac: b64(mac).startswith("AA"),
        "two underscores in front": lambda mac: b64(mac).startswith("__"),
        "a dash in front": lambda mac: b64(mac).startswith("-"),
        "two dashes in front": lambda mac: b64(mac).startswith("--"),
        "a line feed in it": lambda mac: b"\r\n" in mac or b"\n" in mac,
        "a zero in it": lambda mac: 0 in mac[1:-1],
    }
    for name, is_wanted in wanted.items():
        for number in range(100_000):
            text = unsigned(header(one), claims(jti=f"token-{number}"))
            mac = _hmac(one.public, text)
            if is_wanted(mac):
                break
        else:
            raise AssertionError(name)
        yield token(name, one, with_signature(text, mac))
        yield Case(f"{name}, with another bit", one, with_signature(text, bytes([mac[0] ^ 1]) + mac[1:]))
        yield Case(f"{name}, without its zeros", one, with_signature(text, mac.strip(b"\0\xff")[1:]))


def other_digests() -> Iterator[Case]:
    """Digests that are no HMAC with SHA-256 of this text under this key, however similar."""
    one = signer("HS256")
    text = unsigned(header(one), claims())
    data, key = text.encode(), one.public
    mac = _hmac(key, text)
    others = {
        "SHA-256 of the text": hashlib.sha256(data).digest(),
        "SHA-256 of key and text": hashlib.sha256(key + data).digest(),
        "SHA-256 of text and key": hashlib.sha256(data + key).digest(),
        "SHA-256 of the MAC": hashlib.sha256(mac).digest(),
        "the key": key,
        "SHA-256 of the key": hashlib.sha256(key).digest(),
        "sixteen bytes of it": mac[:16],
        "twenty bytes of it": mac[:20],
        "thirty-one bytes of it": mac[:31],
        "half of HMAC with SHA-512": hmac.digest(key, data, hashlib.sha512)[:32],
        "key and text in each other's place": hmac.digest(data, key, hashlib.sha256),
        "its digits": mac.hex().encode(),
        "its words backwards": b"".join(mac[at : at + 4][::-1] for at in range(0, 32, 4)),
    }
    for name, signature in others.items():
        yield Case(name, one, with_signature(text, signature))
    for digest in ("md5", "sha1", "sha224", "sha384", "sha512", "sha3_256", "blake2s", "sm3", "ripemd160"):
        if digest in hashlib.algorithms_guaranteed:
            yield Case(f"HMAC with {digest}", one, with_signature(text, hmac.digest(key, data, digest)))
    respaced = dumps(claims()) + b" "
    yield Case("a space more in the claims", one, with_signature(unsigned(header(one), respaced), mac))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)
