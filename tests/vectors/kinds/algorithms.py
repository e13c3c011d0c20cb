"""Vectors of `alg`: only the key's own algorithm counts, whatever the header says (RFC 8725 section 3.1)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.vectors.cases import Case, claims, dumps, good, header, signed, unsigned, with_signature
from tests.vectors.keys import HASHES, OTHERS, OURS, Signer, b64, our_signers, seed, shortest, signer

_NOBODY: Final[tuple[Any, ...]] = (
    "none",
    "None",
    "NONE",
    "nOnE",
    "none ",
    " none",
    "none\0",
    "n\u043ene",
    "null",
    "",
)
_NO_NAME: Final[tuple[Any, ...]] = (None, True, False, 0, 256, [], ["none"], {}, {"none": 1})


def nobody_signed() -> Iterator[Case]:
    """`none` in every spelling, and no `alg`: without a signature, with a right one, and with rubbish.

    The 'o' of one of them is Cyrillic.
    """
    for one in (*our_signers(), signer("PS512")):
        for number, alg in enumerate((*_NOBODY, *_NO_NAME)):
            head = {**header(one), "alg": alg}
            text, name = unsigned(head, claims()), f"{one.algorithm}, {number}: {alg!r}"
            yield Case(f"{name}, no signature", one, f"{text}.")
            yield Case(f"{name}, no signature and no dot", one, text)
            yield Case(f"{name}, a right signature", one, good(one, head=head))
            yield Case(f"{name}, rubbish", one, with_signature(text, seed("rubbish")))
        nameless = unsigned({"alg": "none"}, claims())
        yield Case(f"{one.algorithm}, none and nothing else", one, f"{nameless}.")
        yield Case(
            f"{one.algorithm}, none under the kid none",
            one,
            f"{unsigned(header(one, alg='none', kid='none'), b'1')}.",
        )
        yield Case(f"{one.algorithm}, an empty header", one, good(one, head={}))
        without = {name: value for name, value in header(one).items() if name != "alg"}
        yield Case(f"{one.algorithm}, no alg", one, good(one, head=without))


def other_names() -> Iterator[Case]:
    """The right signature under another name than its own, which does not exist or belongs to another
    algorithm."""
    for one in our_signers():
        name = one.algorithm
        spelt: list[Any] = [
            name.swapcase(),
            f"{name} ",
            f" {name}",
            f"{name}\0",
            f"{name}\n",
            f"{name[:2]}-{name[2:]}",
            f"{name[:2]}\u200b{name[2:]}",
            "".join(chr(ord(char) + 0xFEE0) for char in name),
            [name],
            [name, name],
            {"name": name},
            {name: name},
            "*",
            "any",
            "SHA-256",
            "A256GCM",
            "A256KW",
            "dir",
            "RSA1_5",
            "ES224",
            "ES521",
            "ES256K",
            "Ed448",
            "../../etc/passwd",
        ]
        # RFC 9864 calls EdDSA by the name of its curve, but Duet knows it only as EdDSA.
        spelt += [] if name != "EdDSA" else ["Ed25519"]
        for alg in (*spelt, *(other for other in (*OURS, *OTHERS) if other != name)):
            yield Case(f"{name}, as {alg!r}", one, good(one, head=header(one, alg=alg)))


def wrong_primitives() -> Iterator[Case]:
    """The key signs with another algorithm than its own, and the header says so, or does not."""
    for one in map(signer, (*OURS, *OTHERS)):
        ways = [way for way in (*OURS, *OTHERS) if _can_sign(one, way) and way != one.algorithm]
        for way in ways:
            text = good(one, head=header(one, alg=way), algorithm=way)
            # Duet also knows our RSA key for RS256, and under that algorithm the text is a token.
            is_ours = way == "RS256"
            yield Case(f"{one.algorithm} signed as {way}, which stands there", one, text, is_token=is_ours)
            yield Case(f"{one.algorithm} signed as {way}", one, good(one, algorithm=way))
    pair = signer("EdDSA")
    text = unsigned(header(pair), claims())
    yield Case(
        "EdDSA of the digest", pair, with_signature(text, pair.sign(hashlib.sha512(text.encode()).digest()))
    )


def _can_sign(one: Signer, way: str) -> bool:
    """Whether the key of `one` can sign with that algorithm too."""
    kinds = {"HS": "H", "RS": "R", "PS": "R"}
    kind = kinds.get(way[:2])
    return kind is not None and kind == kinds.get(one.algorithm[:2])


def other_algorithms() -> Iterator[Case]:
    """Algorithms that the libraries know and Duet does not: the signature is right, but it is never an access
    token."""
    for one in map(signer, OTHERS):
        text = good(one)
        start, _, _ = text.rpartition(".")
        signature = one.sign(start.encode())
        yield signed(one.algorithm, one, text)
        yield Case(f"{one.algorithm}, without its last byte", one, with_signature(start, signature[:-1]))
        yield Case(f"{one.algorithm}, a zero more", one, with_signature(start, signature + b"\0"))
        yield Case(
            f"{one.algorithm}, another bit",
            one,
            with_signature(start, signature[:-1] + bytes([signature[-1] ^ 1])),
        )
        yield Case(
            f"{one.algorithm}, another payload",
            one,
            with_signature(unsigned(header(one), claims(sub="user-2")), signature),
        )
        yield Case(f"{one.algorithm}, no signature", one, f"{start}.")


def faces(one: Signer) -> dict[str, bytes]:
    """What everybody can know of a key pair, in the forms that a careless program would take for a secret."""
    public = one.public
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    found = {
        "PEM": pem,
        "PEM without its last line feed": pem.rstrip(),
        "PEM with the line ends of Windows": pem.replace(b"\n", b"\r\n"),
        "PEM in one line": pem.replace(b"\n", b"\\n"),
        "the base64 of PEM": b"".join(pem.splitlines()[1:-1]),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(one.jwk).encode(),
        "JWK without spaces": dumps(one.jwk),
        "JWK in order": json.dumps(one.jwk, sort_keys=True).encode(),
        "a set of JWKs": dumps({"keys": [one.jwk]}),
        "kid": one.kid.encode(),
        "kty": one.jwk["kty"].encode(),
        "its first number": one.jwk.get("n", one.jwk.get("x", "")).encode(),
    }
    if one.algorithm == "EdDSA":
        found["raw"] = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        found["SSH"] = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    elif isinstance(public, rsa.RSAPublicKey):
        found["PKCS #1"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        found["the modulus"] = shortest(public.public_numbers().n)
        found["SSH"] = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    else:
        found["the point"] = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        found["the point without its mark"] = found["the point"][1:]
        found["the compressed point"] = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return found


def confusions() -> Iterator[Case]:
    """A public key taken for an HMAC secret, with which everybody who knows it can sign (RFC 8725 section 2.1)."""
    for one in our_signers():
        if not one.is_pair:
            continue
        for name, secret in {**faces(one), "nothing": b""}.items():
            for size in ("256", "384", "512"):
                text = unsigned(header(one, alg=f"HS{size}"), claims())
                mac = hmac.digest(secret, text.encode(), HASHES[size])
                yield Case(f"{one.algorithm}, {name} as a secret of HS{size}", one, with_signature(text, mac))
            hidden = unsigned(header(one), claims())
            mac = hmac.digest(secret, hidden.encode(), hashlib.sha256)
            yield Case(
                f"{one.algorithm}, {name} as a secret that nobody speaks of", one, with_signature(hidden, mac)
            )


def foreign_kids() -> Iterator[Case]:
    """A token signed by one of our keys, under the name of another or of nobody: only the named key is tried."""
    everybody = our_signers()
    for one in everybody:
        for other in everybody:
            if other is not one:
                # The verdict is about the key that is named.
                text = good(one, head=header(other))
                yield Case(f"{one.algorithm} signed for {other.algorithm}", other, text)
                text = good(one, head=header(other, alg=one.algorithm))
                yield Case(f"{one.algorithm} signed and says so, the kid is {other.algorithm}'s", other, text)
        stranger = signer(one.algorithm, "a stranger")
        yield Case(f"a stranger's {one.algorithm} under our name", one, good(stranger, head=header(one)))
        yield Case(
            f"a stranger's {one.algorithm} and the thumbprint in base64",
            one,
            good(stranger, head=header(one, kid=b64(one.kid.encode()))),
        )
