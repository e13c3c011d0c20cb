"""Vectors of payloads: a JWS carries any bytes, a JWT an object of claims, and Duet's own tokens are not long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.vectors.cases import Case, claims, dumps, good, header, signed, token
from tests.vectors.keys import OTHERS, OURS, Signer, our_signers, signer

_LONGEST: Final = 8192
_TEXT: Final = (
    "Two ducks came down on the pond behind the mill — die eine schnatterte, die andere schwieg. "
    "Πίσω από τον μύλο ήταν ησυχία. 水車の後ろで。 \U0001f986\U0001f986"
)


def bytes_of_all_kinds() -> Iterator[Case]:
    """Payloads of any bytes, with every algorithm: the signature is good, but the text is no token."""
    payloads = {
        "one zero": b"\0",
        "twenty zeros": bytes(20),
        "one letter": b"a",
        "two letters": b"ab",
        "three letters": b"abc",
        "digits": b"31337",
        "a sentence": _TEXT.encode(),
        "every byte": bytes(range(256)),
        "no UTF-8": b"\xff\xfe\xfd",
        "dots": b"a.b.c",
    }
    for one in map(signer, (*OURS, *OTHERS)):
        for name, payload in payloads.items():
            yield signed(f"{one.algorithm}, {name}", one, good(one, body=payload))
        # This is a sound JWS, but Duet wants a payload, because no token goes without one.
        yield Case(f"{one.algorithm}, nothing", one, good(one, body=b""))


def no_claims() -> Iterator[Case]:
    """JSON that is no object, and objects that are not our claims: only the signature is good."""
    one = signer("HS256")
    values: dict[str, bytes] = {
        "null": b"null",
        "a number": b"1",
        "a string": b'"user-1"',
        "an array": b"[]",
        "an array of claims": dumps([claims()]),
        "an empty object": b"{}",
        "cut off": dumps(claims())[:-1],
        "twice": dumps(claims()) * 2,
        "a token inside": good(one).encode(),
        "a token as a string": dumps(good(one)),
        "UTF-16": json.dumps(claims()).encode("utf-16"),
        "UTF-32": json.dumps(claims()).encode("utf-32-le"),
        "a byte order mark": b"\xef\xbb\xbf" + dumps(claims()),
        "Latin-1": dumps(claims())[:-1] + ',"x":"é"}'.encode("latin-1"),
        "so deep that nobody gets out": b"[" * 2400 + b"]" * 2400,
        "a digit too many": dumps(claims())[:-1] + b',"x":' + b"9" * 4400 + b"}",
    }
    for name, payload in values.items():
        yield signed(name, one, good(one, body=payload))
    now = claims()["iat"]
    changes: dict[str, dict[str, Any]] = {
        "an exp that is a string": {"exp": str(now + 900)},
        "an exp that is a fraction": {"exp": now + 900.5},
        "an exp that is a list": {"exp": [now + 900]},
        "an exp that is true": {"exp": True},
        "an exp of 400 zeros": {"exp": 10**400},
        "an exp that never comes": {"exp": float("inf")},
        "an aud that is a list": {"aud": [claims()["aud"]]},
        "another aud": {"aud": "https://other.example"},
        "another iss": {"iss": "https://duet.example.com/"},
        "an empty sub": {"sub": ""},
        "a sub that is a number": {"sub": 1},
        "a sub that is an object": {"sub": {"$ne": ""}},
        "roles that are a string": {"roles": "admin"},
        "roles of numbers": {"roles": [1]},
        "an nbf that is a string": {"nbf": str(now)},
    }
    for name, change in changes.items():
        yield signed(name, one, good(one, body=claims(**change)))
    for name in sorted(claims().keys() - {"roles"}):
        yield signed(
            f"no {name}", one, good(one, body={key: value for key, value in claims().items() if key != name})
        )


def claims_that_count() -> Iterator[Case]:
    """Claims in any sound spelling, with each algorithm, make an access token."""
    for one in our_signers():
        yield token(f"{one.algorithm}, as they are", one, good(one))
        yield token(f"{one.algorithm}, with spaces", one, good(one, body=json.dumps(claims(), indent=2).encode()))
        yield token(f"{one.algorithm}, the other way round", one, good(one, body=dict(reversed(claims().items()))))
        yield token(
            f"{one.algorithm}, more of them", one, good(one, body=claims(team="ducks", level=7, tags=["a"]))
        )
        without = {key: value for key, value in claims().items() if key != "roles"}
        yield token(f"{one.algorithm}, no roles", one, good(one, body=without))
        yield token(f"{one.algorithm}, letters of elsewhere", one, good(one, body=claims(sub=_TEXT)))
        unescaped = json.dumps(claims(sub=_TEXT), ensure_ascii=False).encode()
        yield token(f"{one.algorithm}, letters that are not escaped", one, good(one, body=unescaped))
        twice = dumps(claims()).replace(b'"sub":', b'"sub":"user-2","sub":', 1)
        yield token(f"{one.algorithm}, sub twice, of which the last counts", one, good(one, body=twice))


def lengths() -> Iterator[Case]:
    """The longest text that is read, and a longer one."""
    for one in our_signers():
        yield token(f"{one.algorithm}, the longest", one, _of_length(one, _LONGEST))
        yield Case(f"{one.algorithm}, too long", one, _of_length(one, _LONGEST + 2))
        yield Case(f"{one.algorithm}, far too long", one, good(one, body=claims(sub="u" * 100_000)))


def _of_length(one: Signer, length: int) -> str:
    """A good token of exactly that many characters, made with spaces in its header and a long claim."""
    for spaces in range(3):
        head = dumps(header(one)) + b" " * spaces
        short = len(good(one, head=head, body=claims(sub="")))
        for more in range((length - short) * 3 // 4 - 3, (length - short) * 3 // 4 + 4):
            text = good(one, head=head, body=claims(sub="u" * more))
            if len(text) == length:
                return text
    raise AssertionError(f"no token of {length} characters")
