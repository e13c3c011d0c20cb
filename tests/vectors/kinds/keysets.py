"""Vectors of keys in sets (RFC 7517): which of them are read, and which of them is used.

Every token is rightly signed by the key that it names, unless its name says otherwise. Something is wrong with the
key, or with what is said about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, TypeAlias

from tests.vectors.cases import good, header
from tests.vectors.keys import OURS, Signer, b64, seed, signer, thumbprint

#: A public key as somebody wrote it down, which need not be an object.
Jwk: TypeAlias = Any
#: The algorithms whose public keys Duet stores.
PAIRS: Final = tuple(name for name in OURS if name != "HS256")


@dataclass(frozen=True)
class KeyCase:
    """A set of keys and a token, and whether the token counts for a reader who knows only these keys."""

    name: str
    keys: tuple[Jwk, ...] = field(repr=False)
    text: str = field(repr=False)
    is_token: bool = False


KeyKind: TypeAlias = Callable[[], Iterator[KeyCase]]


def changed(one: Signer, **changes: Any) -> dict[str, Any]:
    """The key's JWK with `changes`; a value of None leaves a member out."""
    known = {**one.jwk, **changes}
    return {name: value for name, value in known.items() if value is not None}


def renamed(name: str, one: Signer, **changes: Any) -> KeyCase:
    """The key's JWK with `changes` in the key itself, under the name that follows from the result."""
    jwk = changed(one, **changes)
    kid = thumbprint(jwk)
    return KeyCase(name, ({**jwk, "kid": kid},), good(one, head=header(one, kid=kid)))


def sets() -> Iterator[KeyCase]:
    """Sets of sound keys: only the key that the token names is used."""
    for name in PAIRS:
        one, stranger = signer(name), signer(name, "a stranger")
        yield KeyCase(f"{name}, one key", (one.jwk,), good(one), is_token=True)
        yield KeyCase(f"{name}, the first of two", (one.jwk, stranger.jwk), good(one), is_token=True)
        yield KeyCase(f"{name}, the second of two", (stranger.jwk, one.jwk), good(one), is_token=True)
        yield KeyCase(f"{name}, a key that is not there", (stranger.jwk,), good(one))
        under_the_other = good(one, head=header(one, kid=stranger.kid))
        yield KeyCase(f"{name}, under the name of the other", (one.jwk, stranger.jwk), under_the_other)
        nobody = good(one, head=header(one, kid="nobody"))
        yield KeyCase(f"{name}, under nobody's name, of one key", (one.jwk,), nobody)
        yield KeyCase(f"{name}, under no name, of one key", (one.jwk,), good(one, head=header(one, kid=None)))
        start, _, end = good(one).rpartition(".")
        altered = f"{start}.{'B' if end[0] == 'A' else 'A'}{end[1:]}"
        yield KeyCase(f"{name}, an altered signature", (one.jwk, stranger.jwk), altered)
        yield KeyCase(f"{name}, the same key twice", (one.jwk, one.jwk), good(one), is_token=True)
    everybody = tuple(signer(name).jwk for name in PAIRS)
    for name in PAIRS:
        yield KeyCase(f"{name}, one of each", everybody, good(signer(name)), is_token=True)
        for other in PAIRS:
            if other != name:
                text = good(signer(name), head=header(signer(other)))
                yield KeyCase(f"{name} in the name of {other}", everybody, text)
    yield KeyCase("no keys", (), good(signer("EdDSA")))


def same_names() -> Iterator[KeyCase]:
    """Two keys under one name: the name belongs to the key from which it follows."""
    for name in PAIRS:
        one, stranger = signer(name), signer(name, "a stranger")
        impostor = changed(stranger, kid=one.kid)
        forged = good(stranger, head=header(one))
        for order, keys in {"in front": (impostor, one.jwk), "behind": (one.jwk, impostor)}.items():
            yield KeyCase(f"{name}, an impostor {order}, and ours signed", keys, good(one), is_token=True)
            yield KeyCase(f"{name}, an impostor {order}, who signed", keys, forged)
        both = (changed(one, kid="key"), changed(stranger, kid="key"))
        yield KeyCase(f"{name}, a name that belongs to neither", both, good(one, head=header(one, kid="key")))


def mixed_sets() -> Iterator[KeyCase]:
    """Secrets among public keys are not read, and the other keys are as good as before."""
    secret, pair = signer("HS256"), signer("EdDSA")
    keys = (secret.jwk, pair.jwk)
    yield KeyCase("the secret signed", keys, good(secret))
    yield KeyCase("the pair signed", keys, good(pair), is_token=True)
    yield KeyCase(
        "the secret signed in the name of the pair", keys, good(secret, head=header(secret, kid=pair.kid))
    )
    named = changed(secret, kid=pair.kid)
    yield KeyCase(
        "a secret of the same name signed", (named, pair.jwk), good(secret, head=header(secret, kid=pair.kid))
    )
    for size in (0, 1, 31, 32, 33, 64, 65):
        for digest in ("256", "384", "512"):
            one = Signer(f"secret of {size}", f"HS{digest}", seed("a secret", size))
            yield KeyCase(f"a secret of {size} bytes for HS{digest}", (one.jwk, pair.jwk), good(one))
    for alg in ("A256GCM", "A256KW", "dir", "A128CBC-HS256", "none", "HS384", None):
        yield KeyCase(f"a secret for {alg}", (changed(secret, alg=alg),), good(secret))
    yield KeyCase("a secret to encrypt with", (changed(secret, use="enc"),), good(secret))
    broken = {**pair.jwk, "x": "AAAA"}
    other = signer("EdDSA", "a stranger")
    yield KeyCase("a broken key beside a sound one", (broken, other.jwk), good(other), is_token=True)


_PURPOSES: Final[dict[str, dict[str, Any]]] = {
    "to encrypt with": {"use": "enc"},
    "for nobody knows what": {"use": None},
    "for a list of purposes": {"use": ["sig"]},
    "for both": {"use": "sig enc"},
    "operations of encrypting": {"use": None, "key_ops": ["encrypt", "decrypt"]},
    "operations of encrypting, to sign with": {"key_ops": ["encrypt", "decrypt"]},
    "operations of both halves": {"use": None, "key_ops": ["sign", "verify"]},
    "operations of signing": {"key_ops": ["sign"]},
    "no operations": {"key_ops": []},
    "operations in one string": {"key_ops": ["sign, verify"]},
    "no alg": {"alg": None},
    "alg of a list": {"alg": ["EdDSA"]},
    **{
        f"alg {alg}": {"alg": alg}
        for alg in ("none", "HS256", "RSA-OAEP", "ES224", "ES521", "ES384", "PS256", "RS512")
    },
    "no kid": {"kid": None},
    "a kid that is a number": {"kid": 1},
    "a member more": {"x5t": "AAAA"},
    "a certificate": {"x5c": ["AAAA"]},
    "a private half beside it": {"d": b64(seed("a half"))},
}


def purposes() -> Iterator[KeyCase]:
    """The purpose of a key: `use`, `key_ops`, `alg` and the name have to be those of a key of Duet."""
    for name in PAIRS:
        one = signer(name)
        for what, change in _PURPOSES.items():
            yield KeyCase(f"{name}, {what}", (changed(one, **change),), good(one))
        yield KeyCase(f"{name}, alg in small letters", (changed(one, alg=name.lower()),), good(one))
        stranger = signer(name, "a stranger")
        yield KeyCase(f"{name}, another's kid", (changed(one, kid=stranger.kid),), good(one))
        for other in PAIRS:
            if other != name:
                yield KeyCase(f"{name}, alg of another kind, {other}", (changed(one, alg=other),), good(one))
    one = signer("RS256")
    for way in ("PS256", "RS384", "RS512"):
        text = good(one, head=header(one, alg=way), algorithm=way)
        yield KeyCase(f"RS256, which signed with {way}, as is said", (changed(one, alg=way),), text)


@cache
def key_cases_of(kind: KeyKind) -> tuple[KeyCase, ...]:
    """The cases of a kind, whose names begin with the kind's."""
    return tuple(replace(case, name=f"{kind.__name__}: {case.name}") for case in kind())
