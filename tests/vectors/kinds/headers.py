"""Vectors of other header members: keys that the header brings, critical parameters, names and types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.vectors.cases import Case, claims, dumps, good, header, sealed, signed, token, unsigned
from tests.vectors.keys import b64, our_signers, signer

_ELSEWHERE: Final = "https://attacker.example/keys.json"


def keys_brought_along() -> Iterator[Case]:
    """A key in the header, or the URL of one, is not believed, whoever signed (RFC 8725 section 3.10)."""
    for one in our_signers():
        stranger = signer(one.algorithm, "a stranger")
        brought: dict[str, Any] = {
            "jwk": stranger.jwk,
            "jku": _ELSEWHERE,
            "x5u": _ELSEWHERE.replace("json", "pem"),
            "x5c": [b64(b"no certificate, and nobody looks")],
            "x5t": b64(b"a digest of twenty b"),
            "x5t#S256": b64(b"a digest of thirty-two bytes, no"),
        }
        for name, value in brought.items():
            head = header(one, **{name: value})
            yield Case(f"{one.algorithm}, {name}, and a stranger signed", one, good(stranger, head=head))
            yield signed(f"{one.algorithm}, {name}, and we signed", one, good(one, head=head))
        unnamed = header(one, kid=None, jwk=stranger.jwk)
        yield Case(f"{one.algorithm}, jwk in place of kid", one, good(stranger, head=unnamed))
        local = header(one, jku="file:///etc/passwd")
        yield Case(f"{one.algorithm}, jku of a file", one, good(stranger, head=local))
        own = header(one, jwk={**stranger.jwk, "kid": one.kid})
        yield Case(f"{one.algorithm}, jwk that says it is ours", one, good(stranger, head=own))


def critical() -> Iterator[Case]:
    """`crit`: a parameter that is not understood is refused, even with a right signature (RFC 7515 section
    4.1.11)."""
    values: dict[str, dict[str, Any]] = {
        "an extension": {"crit": ["exp"], "exp": 1},
        "an extension of a URL": {"crit": ["https://example.com/x"], "https://example.com/x": True},
        "an extension that is not there": {"crit": ["absent"]},
        "two, of which one is known": {"crit": ["b64", "x"], "b64": True, "x": 1},
        "an empty list": {"crit": []},
        "a string": {"crit": "b64", "b64": True},
        "an object": {"crit": {"b64": True}, "b64": True},
        "true": {"crit": True},
        "a number": {"crit": 1},
        "a list of numbers": {"crit": [1]},
        "a list in a list": {"crit": [["b64"]], "b64": True},
        "b64 that is not there": {"crit": ["b64"]},
        "alg": {"crit": ["alg"]},
        "kid and typ": {"crit": ["kid", "typ"]},
        "itself": {"crit": ["crit"]},
        "an empty name": {"crit": [""], "": 1},
    }
    for one in our_signers():
        for name, changes in values.items():
            yield Case(f"{one.algorithm}, {name}", one, good(one, head=header(one, **changes)))
        yield Case(f"{one.algorithm}, null", one, good(one, head={**header(one), "crit": None}))


def unencoded() -> Iterator[Case]:
    """`b64` (RFC 7797): a payload that is not encoded, or is elsewhere, does not count."""
    for one in our_signers():
        payload = dumps(claims()).decode()
        head = header(one, b64=False, crit=["b64"])
        start = b64(dumps(head))
        yield Case(f"{one.algorithm}, not encoded", one, sealed(one, f"{start}.{payload}"))
        detached = sealed(one, f"{start}.{payload}").rpartition(".")[2]
        yield Case(f"{one.algorithm}, not encoded, and elsewhere", one, f"{start}..{detached}")
        yield Case(f"{one.algorithm}, encoded all the same", one, good(one, head=head))
        yield Case(
            f"{one.algorithm}, not encoded, which is not critical",
            one,
            sealed(one, f"{b64(dumps(header(one, b64=False)))}.{payload}"),
        )
        yield Case(f"{one.algorithm}, encoded, and it says not", one, good(one, head=header(one, b64=False)))
        whole = good(one)
        first, _, last = whole.split(".")
        yield Case(f"{one.algorithm}, elsewhere", one, f"{first}..{last}")
        yield signed(
            f"{one.algorithm}, encoded, and says so", one, good(one, head=header(one, b64=True, crit=["b64"]))
        )
        yield signed(
            f"{one.algorithm}, encoded, which is not critical", one, good(one, head=header(one, b64=True))
        )


def names() -> Iterator[Case]:
    """`kid`: it picks one of our keys, and is no path, no query and no URL."""
    one = signer("HS256")
    strange = {
        "nobody's": "nobody",
        "empty": "",
        "a space behind": f"{one.kid} ",
        "in capitals": one.kid.upper(),
        "a NUL behind": f"{one.kid}\0",
        "a path": "../../../../../../dev/null",
        "an absolute path": "/proc/sys/kernel/randomize_va_space",
        "a query": "x' UNION SELECT 'secret' --",
        "an operator": '{"$ne": null}',
        "a command": "x | cat /etc/passwd",
        "an address": _ELSEWHERE,
        "a format": "{0.__class__}",
        "a dunder": "__class__",
        "half a surrogate pair": "\ud800",
        "a right-to-left override": f"\u202e{one.kid}",
        "a long one": "k" * 2000,
        "a line feed": "x\nalg: none",
    }
    for name, kid in strange.items():
        yield signed(name, one, good(one, head=header(one, kid=kid)))
    yield signed("none at all", one, good(one, head=header(one, kid=None)))
    values: dict[str, Any] = {
        "a number": 1,
        "true": True,
        "null": None,
        "a list": [one.kid],
        "an object": {"kid": one.kid},
    }
    for name, value in values.items():
        yield Case(name, one, good(one, head={**header(one), "kid": value}))


def types() -> Iterator[Case]:
    """`typ` and similar: a text that was signed for another purpose is no access token (RFC 8725 section 3.11)."""
    for one in our_signers():
        for typ in (
            "JWT",
            "jwt",
            "AT+JWT",
            "at+jwt ",
            "application/at+jwt",
            "at+JWT",
            "logout+jwt",
            "dpop+jwt",
            "JOSE",
            "",
        ):
            yield signed(f"{one.algorithm}, {typ!r}", one, good(one, head=header(one, typ=typ)))
        yield signed(f"{one.algorithm}, none", one, good(one, head=header(one, typ=None)))
        yield signed(f"{one.algorithm}, cty", one, good(one, head=header(one, cty="JWT")))


def more_members() -> Iterator[Case]:
    """Unknown members, and duplicate members, of which the last counts (RFC 7515 section 4)."""
    one = signer("HS256")
    more: dict[str, Any] = {
        "zip": "DEF",
        "enc": "A256GCM",
        "epk": signer("ES256").jwk,
        "ALG": "none",
        "x": 1,
        "": "",
        "__proto__": {"alg": "none"},
        "constructor": {"prototype": {"alg": "none"}},
        "iss": "https://attacker.example",
        "nested": {"alg": "none", "crit": ["x"]},
        "big": 2**70,
        "fraction": 1e300,
        # JSON has no such numbers (RFC 8259 section 6), but Python accepts them, here and in the second library.
        "infinity": float("inf"),
        "no number": float("nan"),
    }
    for name, value in more.items():
        yield signed(f"{name!r}", one, good(one, head=header(one, **{name: value})))
    kid, typ = f'"kid":"{one.kid}"', '"typ":"at+jwt"'
    last_is_wrong = {
        "alg, at last none": f'{{"alg":"HS256","alg":"none",{kid},{typ}}}',
        "alg, at last RS256": f'{{"alg":"HS256",{kid},{typ},"alg":"RS256"}}',
        "alg, at last null": f'{{"alg":"HS256",{kid},{typ},"alg":null}}',
        "alg, the last of which is escaped": f'{{"alg":"HS256",{kid},{typ},"\\u0061lg":"none"}}',
    }
    for name, text in last_is_wrong.items():
        yield Case(name, one, good(one, head=text.encode()))
    yield signed("kid, at last another", one, good(one, head=f'{{"alg":"HS256",{kid},{typ},"kid":"x"}}'.encode()))
    yield signed(
        "typ, at last another", one, good(one, head=f'{{"alg":"HS256",{kid},{typ},"typ":"JWT"}}'.encode())
    )
    yield token(
        "alg, at last the right one", one, good(one, head=f'{{"alg":"none",{kid},{typ},"alg":"HS256"}}'.encode())
    )
    yield token(
        "kid, at last the right one", one, good(one, head=f'{{"kid":"x","alg":"HS256",{kid},{typ}}}'.encode())
    )
    # Python reads this JSON, or gives up, and either way there is no alg.
    yield Case("so deep that nobody gets out", one, good(one, head=b'{"a":' + b"[" * 2400 + b"]" * 2400 + b"}"))
    # A reader that takes the first of two duplicates sees another header than one that takes the last.
    text = sealed(one, unsigned(f'{{"alg":"HS256","alg":"HS256",{kid},{typ}}}'.encode(), claims()))
    yield token("alg, twice the same", one, text)
