"""Keys that are too weak, or no keys at all: each differs from a real key in one thing only."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.vectors.keys import Signer, members, rsa_key, rsa_of, seed, thumbprint

# The primes of one maker's chips were k·M + 65537^a mod M, where M is the product of the first primes
# (CVE-2017-15361). These two are made in the same way. It takes a while to find an a that gives a prime.
_MULTIPLE: Final = 6925650131069389
_EXPONENTS: Final = (1000036, 1000163)
_FIRST_PRIMES: Final = 126


def signer_of(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, algorithm: str) -> Signer:
    """A signer with that key, under the name that follows from it."""
    return Signer(thumbprint(members(private.public_key())), algorithm, private)


def short_rsa() -> Signer:
    """An RSA key of 1024 bits."""
    return signer_of(rsa_key("a short key", 1024), "RS256")


@cache
def guessable_rsa() -> Signer:
    """An RSA key of 2048 bits with primes from a small set (ROCA)."""
    product = math.prod(_primes(_FIRST_PRIMES))
    p, q = (_MULTIPLE * product + pow(65537, exponent, product) for exponent in _EXPONENTS)
    return signer_of(rsa_of(p, q), "RS256")


def is_guessable(modulus: int) -> bool:
    """Whether the modulus is a power of 65537 modulo each of the first primes, which happens by chance in none of
    2^150."""
    return all(
        modulus % prime in {pow(65537, exponent, prime) for exponent in range(prime)} for prime in _primes(50)[1:]
    )


def small_exponent() -> Signer:
    """An RSA key of 2048 bits with the exponent 3, the first choice of forgers of paddings."""
    numbers = rsa_key("a stranger").private_numbers()
    return signer_of(rsa_of(numbers.p, numbers.q, 3), "RS256")


def short_coordinate() -> Signer:
    """A key of P-256 whose first coordinate begins with a zero, which belongs to it (RFC 7518 section 6.2.1.2)."""
    for number in range(100_000):
        key = ec.derive_private_key(int.from_bytes(seed(f"coordinate {number}"), "big") >> 1, ec.SECP256R1())
        if key.public_key().public_numbers().x < 2**248:
            return signer_of(key, "ES256")
    raise AssertionError("no such key")


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found
