"""The form of a vector, and how a sound one is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeAlias

from tests.vectors.keys import Signer, b64

#: The instant at which the tokens among the vectors count.
NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
ISSUER: Final = "https://duet.example.com"
TYPE: Final = "at+jwt"


@dataclass(frozen=True)
class Case:
    """A text, and whether it passes as signed by the key of `signer`, which is used with its one algorithm only.

    `is_token` says whether it also passes as an access token of Duet when Duet knows that key under that name.
    """

    name: str
    signer: Signer = field(repr=False)
    text: str = field(repr=False)
    is_signed: bool = False
    is_token: bool = False


Kind: TypeAlias = Callable[[], Iterator[Case]]


def token(name: str, signer: Signer, text: str) -> Case:
    """A case that is sound, and an access token."""
    return Case(name, signer, text, is_signed=True, is_token=True)


def signed(name: str, signer: Signer, text: str) -> Case:
    """A case that is soundly signed, and no access token."""
    return Case(name, signer, text, is_signed=True)


def header(signer: Signer, **changes: Any) -> dict[str, Any]:
    """The header of a good token, with `changes`; a value of None leaves a parameter out."""
    known = {"alg": signer.algorithm, "kid": signer.kid, "typ": TYPE, **changes}
    return {name: value for name, value in known.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with `changes`."""
    now = int(NOW.timestamp())
    return {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": ISSUER,
        "exp": now + 900,
        "iat": now,
        "jti": "token-1",
        "sid": "session-1",
        "client_id": "api",
        "auth_time": now,
        "amr": ["pwd"],
        "roles": [],
        "scope": "read write",
        "rights_version": 1,
        **changes,
    }


def dumps(value: Any) -> bytes:
    """Encode as JSON without spaces; bytes are taken as they are."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def unsigned(head: Any, body: Any) -> str:
    """The text that a signature is made of (RFC 7515 section 5.1)."""
    return f"{b64(dumps(head))}.{b64(dumps(body))}"


def with_signature(text: str, signature: bytes) -> str:
    """Join the text and its signature to the compact form."""
    return f"{text}.{b64(signature)}"


def sealed(signer: Signer, text: str, algorithm: str = "") -> str:
    """Sign `text`, whatever it is, and return the compact form."""
    return with_signature(text, signer.sign(text.encode("utf-8", "surrogatepass"), algorithm))


def good(signer: Signer, *, head: Any = None, body: Any = None, algorithm: str = "") -> str:
    """A good token, except for the given header, payload or algorithm of the signature."""
    head = header(signer) if head is None else head
    return sealed(signer, unsigned(head, claims() if body is None else body), algorithm)


@cache
def cases_of(kind: Kind) -> tuple[Case, ...]:
    """The cases of a kind, whose names begin with the kind's. They are kept, because some take a second to
    make."""
    return tuple(replace(case, name=f"{kind.__name__}: {case.name}") for case in kind())
