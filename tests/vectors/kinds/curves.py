"""Vectors of ECDSA (RFC 7518 section 3.4) and of Ed25519 (RFC 8032): numbers out of range, and other forms."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature

from tests.vectors.cases import Case, claims, header, sealed, token, unsigned, with_signature
from tests.vectors.keys import curve_signature, raw, seed, signer

ORDER: Final = ec.SECP256R1().group_order
#: How many points the group of Ed25519 has (RFC 8032 section 5.1), and its prime.
ED_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
ED_PRIME: Final = 2**255 - 19
_ORDERS: Final = {"ES256": ORDER, "ES384": ec.SECP384R1().group_order, "ES512": ec.SECP521R1().group_order}


def numbers_out_of_range() -> Iterator[Case]:
    """Both numbers must be above 0 and below the order of the group, so no pair with one of the bounds is a
    signature."""
    for algorithm, order in _ORDERS.items():
        one = signer(algorithm)
        text = unsigned(header(one), claims())
        size = len(one.sign(b"")) // 2
        r, s = _halves(one.sign(text.encode()))
        bounds = {"0": 0, "1": 1, "the order less 1": order - 1, "the order": order, "the largest": 256**size - 1}
        for (name_r, at_r), (name_s, at_s) in itertools.product(bounds.items(), repeat=2):
            name = f"{algorithm}, r is {name_r}, s is {name_s}"
            yield Case(name, one, with_signature(text, raw(at_r, at_s, size)))
        for name, number in bounds.items():
            yield Case(f"{algorithm}, r is {name}, s is right", one, with_signature(text, raw(number, s, size)))
            yield Case(f"{algorithm}, s is {name}, r is right", one, with_signature(text, raw(r, number, size)))
        yield Case(f"{algorithm}, r as its negative", one, with_signature(text, raw(order - r, s, size)))
        yield Case(
            f"{algorithm}, both as their negatives", one, with_signature(text, raw(order - r, order - s, size))
        )
        yield Case(f"{algorithm}, in each other's place", one, with_signature(text, raw(s, r, size)))
        yield Case(f"{algorithm}, r twice", one, with_signature(text, raw(r, r, size)))
        yield Case(f"{algorithm}, s twice", one, with_signature(text, raw(s, s, size)))
    one = signer("ES256")
    text = unsigned(header(one), claims())
    r, s = _halves(one.sign(text.encode()))
    # No rule wants the smaller one of the two values of s that fit, as some cryptocurrencies do.
    yield token("s as its negative, which is as good", one, with_signature(text, raw(r, ORDER - s, 32)))
    for name, (large_r, large_s) in {
        "r and the order": (r + ORDER, s),
        "s and the order": (r, s + ORDER),
        "both and the order": (r + ORDER, s + ORDER),
        "r and 2 to the 256": (r + 2**256, s),
        "s and 2 to the 256": (r, s + 2**256),
    }.items():
        yield Case(f"33 bytes each, {name}", one, with_signature(text, raw(large_r, large_s, 33)))


def other_forms_of_the_numbers() -> Iterator[Case]:
    """The right numbers in other forms than two of 32 bytes: in DER, longer, shorter, backwards."""
    one = signer("ES256")
    text = unsigned(header(one), claims())
    r, s = _halves(one.sign(text.encode()))
    der = encode_dss_signature(r, s)
    halves = r.to_bytes(32, "big"), s.to_bytes(32, "big")
    forms = {
        "DER": der,
        "DER, the first 64 bytes": der[:64],
        "DER without its last bytes": der[:66],
        "DER, the last 64 bytes": der[-64:],
        "numbers of DER without a frame": der[2:],
        "33 bytes each": raw(r, s, 33),
        "48 bytes each, as P-384 has": raw(r, s, 48),
        "66 bytes each, as P-521 has": raw(r, s, 66),
        "zeros behind each": halves[0] + b"\0" + halves[1] + b"\0",
        "with the number of the point": halves[0] + halves[1] + b"\x01",
        "with the number of the point in front": b"\x1b" + halves[0] + halves[1],
        "little-endian": halves[0][::-1] + halves[1][::-1],
        "hex digits": b"%x%x" % (r, s),
        "decimal digits": f"{r},{s}".encode(),
        "r alone": halves[0],
        "s alone": halves[1],
        "500 zeros": bytes(500),
        "a point in front": b"\x04" + halves[0] + halves[1],
        "no zero in between": halves[0][:31] + halves[1],
    }
    for name, signature in forms.items():
        yield Case(name, one, with_signature(text, signature))
    last = signer("ES512")
    wide = unsigned(header(last), claims())
    numbers = _halves(last.sign(wide.encode()))
    for size in (65, 67, 68):
        if all(number < 256**size for number in numbers):
            yield Case(f"ES512, {size} bytes each", last, with_signature(wide, raw(*numbers, size)))
    yield Case("ES512, DER", last, with_signature(wide, encode_dss_signature(*numbers)))


def short_numbers() -> Iterator[Case]:
    """Numbers that begin with zeros keep them, so 64 bytes are a signature and fewer are not."""
    one = signer("ES256")
    assert isinstance(one.private, ec.EllipticCurvePrivateKey)
    for name, which in {"r": 0, "s": 1}.items():
        for number in range(100_000):
            text = unsigned(header(one), claims(jti=f"token-{number}"))
            numbers = curve_signature(one.private, text.encode())
            if numbers[which] < 2**248:
                break
        else:
            raise AssertionError(name)
        yield token(f"{name} with a zero in front", one, with_signature(text, raw(*numbers, 32)))
        short = b"".join(part.to_bytes((part.bit_length() + 7) // 8, "big") for part in numbers)
        yield Case(f"{name} without the zero", one, with_signature(text, short))
        yield Case(f"{name} without the zero, and one behind", one, with_signature(text, short + b"\0"))


def other_messages() -> Iterator[Case]:
    """ECDSA over another digest, or by another curve's key."""
    one = signer("ES256")
    assert isinstance(one.private, ec.EllipticCurvePrivateKey)
    text = unsigned(header(one), claims())
    for digest in (hashes.SHA1(), hashes.SHA224(), hashes.SHA384(), hashes.SHA512(), hashes.SHA3_256()):
        numbers = decode_dss_signature(one.private.sign(text.encode(), ec.ECDSA(digest)))
        yield Case(f"digest by {digest.name}", one, with_signature(text, raw(*numbers, 32)))
    first = text.encode()[:32]
    numbers = decode_dss_signature(one.private.sign(first, ec.ECDSA(Prehashed(hashes.SHA256()))))
    yield Case("the text in place of its digest", one, with_signature(text, raw(*numbers, 32)))
    for curve in (ec.SECP256K1(), ec.BrainpoolP256R1()):
        other = ec.derive_private_key(int.from_bytes(seed(curve.name), "big") >> 8, curve)
        yield Case(
            f"a key of {curve.name}", one, with_signature(text, raw(*curve_signature(other, text.encode()), 32))
        )


def edwards_signatures() -> Iterator[Case]:
    """Ed25519: S is smaller than the order (RFC 8032 section 5.1.7), and R is no point that fits every key."""
    one = signer("EdDSA")
    text = unsigned(header(one), claims())
    signature = one.sign(text.encode())
    first, last = signature[:32], int.from_bytes(signature[32:], "little")
    yield token("as it is", one, with_signature(text, signature))
    for name, number in {
        "S and the order": last + ED_ORDER,
        "S and twice the order": last + 2 * ED_ORDER,
        "S and eight times the order": last + 8 * ED_ORDER,
        "S and 2 to the 253": last + 2**253,
        "S and 2 to the 255": last + 2**255,
        "S as its negative": ED_ORDER - last,
        "S is 0": 0,
        "S is 1": 1,
        "S is the order": ED_ORDER,
        "S is the order less 1": ED_ORDER - 1,
        "S is the largest": 2**256 - 1,
    }.items():
        if number < 2**256:
            yield Case(name, one, with_signature(text, first + number.to_bytes(32, "little")))
    for name, point in _points_for_everybody().items():
        yield Case(f"R is {name}", one, with_signature(text, point + signature[32:]))
        yield Case(f"R is {name}, S is 0", one, with_signature(text, point + bytes(32)))
    forms = {
        "R with its sign turned": signature[:31] + bytes([signature[31] ^ 0x80]) + signature[32:],
        "R and S in each other's place": signature[32:] + first,
        "R alone": first,
        "S alone": signature[32:],
        "R big-endian": first[::-1] + signature[32:],
        "S big-endian": first + signature[32:][::-1],
        "our public key for R": one.public.public_bytes_raw() + signature[32:],
        "with the text, as others have it": signature + text.encode(),
        "as long as that of Ed448": signature.ljust(114, b"\0"),
    }
    for name, form in forms.items():
        yield Case(name, one, with_signature(text, form))
    yield Case("of another text", one, with_signature(text, one.sign(sealed(one, text).encode())))


def _points_for_everybody() -> dict[str, bytes]:
    """Points with few multiples, and points in an invalid spelling (RFC 8032 section 5.1.3)."""
    numbers = {
        "the neutral point": 1,
        "the neutral point with a sign": 1 | 2**255,
        "the point of order 2": ED_PRIME - 1,
        "a point of order 4": 0,
        "the other point of order 4": 2**255,
        "the neutral point beyond the prime": ED_PRIME + 1,
        "a point of order 4 beyond the prime": ED_PRIME,
        "no point": 2,
        "the largest": 2**256 - 1,
    }
    return {name: number.to_bytes(32, "little") for name, number in numbers.items()}


def _halves(signature: bytes) -> tuple[int, int]:
    half = len(signature) // 2
    return int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
