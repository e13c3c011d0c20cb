"""One token is one text, and any other text is no token (security.md, items 6 and 7)."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tests.attacks.forge import Forger


def spellings(token: str) -> dict[str, str | bytes]:
    """Other texts that a careless decoder would take for the same token."""
    head, body, mac = token.split(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = [letters[letters.index(mac[-1]) ^ bits] for bits in (1, 2, 3)]
    return {
        "=": f"{token}=",
        "==": f"{token}==",
        "= in the header": f"{head}=.{body}.{mac}",
        "= in the claims": f"{head}.{body}=.{mac}",
        "dot": f"{token}.",
        "dot in front": f".{token}",
        "two dots": f"{head}..{body}.{mac}",
        "more parts": f"{token}.{mac}",
        "JWE": f"{head}.{body}.{mac}.{mac}.{mac}",
        "bits to spare": f"{head}.{body}.{mac[:-1]}{spare[0]}",
        "more bits to spare": f"{head}.{body}.{mac[:-1]}{spare[2]}",
        "cut": token[:-1],
        "longer": f"{token}A",
        "the other alphabet": token.replace("-", "+").replace("_", "/") + "+",
        "percent": quote(token.replace(".", "%2E"), safe="%"),
        "comma": f"{token},",
        "tab": f"{head}.\t{body}.{mac}",
        "quotes": f'"{token}"',
        "scheme twice": f"Bearer {token}",
        "upper case": token.upper(),
        "Latin-1": token.encode() + b"\xa0",
        "blanks inside": f"{head}. {body}.{mac}",
    }


def test_s06_a_token_has_one_spelling(forger: Forger) -> None:
    """A token with padding, blanks, or bits that decoding drops is another text, and so no token."""
    forger.check_refused({name: text for name, text in spellings(forger.token).items() if text != forger.token})
    inner = {"lines": "\n", "NUL": "\0", "wide dot": "\uff0e", "blank": " "}
    for name, more in inner.items():
        for text in (forger.token + more, more + forger.token, forger.token.replace(".", more)):
            assert forger.in_session(text).status == 303, name


def test_s06_a_revocation_goes_by_the_session(forger: Forger) -> None:
    """After one token is revoked no other of its session counts, in any spelling or with another `jti`."""
    tokens = [forger.token]
    for _ in range(2):
        assert forger.client.refresh().status_code == 200
        tokens.append(forger.client.access_token)
    tokens.append(forger.sign(jti=uuid.uuid4().hex))
    assert all(map(forger.counts, tokens))
    assert forger.client.post("/api/auth/revoke", data={"token": tokens[1]}).status_code == 200
    for token in tokens:
        answer = forger.as_bearer(token)
        assert (answer.status, json.loads(answer.text)["code"]) == (401, "logged_out")
        assert forger.in_session(token).status == 303
        for name, text in spellings(token).items():
            if isinstance(text, str):
                assert forger.as_bearer(text).status == 401, name
                assert forger.in_session(text).status == 303, name


def test_s07_rubbish_is_a_401(forger: Forger) -> None:
    """Deep JSON, half characters, NUL, other encodings and non-JSON are a 401, with and without valid
    signatures."""
    text = json.dumps(forger.claims)
    deep = [b"[" * 2500 + b"]" * 2500, b'{"a":' * 900 + b"1" + b"}" * 900, b"[" * 5000]
    rubbish: dict[str, Any] = {
        "empty": "",
        "dots": "..",
        "three letters": "a.b.c",
        "no base64": "é.é.é".encode(),
        "bytes": b"\xff\xfe\xfd",
        "null": forger.sign_text("null"),
        "number": forger.sign_text("1"),
        "string": forger.sign_text('"\\ud800"'),
        "list": forger.sign_text(f"[{text}]"),
        "nothing": forger.sign_text(""),
        "no text": forger.sign_text(b"\xff\xfe\xfa"),
        "no header": forger.sign_text(text, b""),
        "header null": forger.sign_text(text, b"null"),
        "header list": forger.sign_text(text, b"[]"),
        "header bytes": forger.sign_text(text, b"\xff"),
        "header string": forger.sign_text(text, b'"alg"'),
        "surrogate kid": forger.sign(header={"kid": "\ud800"}),
        "NUL kid": forger.sign(header={"kid": "\0"}),
        "list kid": forger.sign(header={"kid": [forger.header["kid"]]}),
        "path kid": forger.sign(header={"kid": "../../../../dev/null"}, key=b""),
        "SQL kid": forger.sign(header={"kid": "' UNION SELECT 'x"}, key=b"x"),
        "long": "A" * 9000,
        "long dots": "." * 9000,
        "junk claim": forger.sign(junk="x" * 9000),
    }
    rubbish |= {f"deep {number}": forger.sign_text(part) for number, part in enumerate(deep)}
    rubbish |= {f"deep header {number}": forger.sign_text(text, part) for number, part in enumerate(deep)}
    # Tokens so short that the Authorization holds nothing are missing tokens.
    assert forger.as_bearer("").status == 401
    del rubbish["empty"]
    forger.check_refused(rubbish)


def test_s07_lone_surrogates_in_claims_break_nothing(forger: Forger) -> None:
    """Half a character under a valid signature names nobody with an account, and is never a 5xx at any door."""
    for name in ("sub", "sid", "jti", "scope", "client_id", "\ud800"):
        more: dict[str, Any] = {name: "\ud800"}
        token = forger.sign(**more)
        statuses = [
            forger.as_bearer(token).status,
            forger.in_session(token).status,
            forger.in_session(token, "/api/users/me").status,
        ]
        assert all(status < 500 for status in statuses), (name, statuses)
        assert name != "sub" or statuses == [401, 303, 401]


def test_s07_a_megabyte_is_refused(forger: Forger) -> None:
    """A megabyte as a token or a cookie is a client error, and the server keeps serving."""
    big = "A" * 1_000_000
    for headers in ({"Authorization": f"Bearer {big}"}, {"Cookie": f"session={big}"}):
        for path in ("/api/users/me", "/account"):
            assert forger.send(path, headers).status == 431
    for length in (8_193, 20_000, 30_000):
        assert forger.as_bearer("A" * length).status in (401, 431)
        assert forger.in_session("A" * length + "." + "B" * 9 + ".C").status in (303, 431)
    assert forger.counts(forger.token)


@pytest.mark.parametrize("token", [None, 1, 1.5, True, [], ["x"], {}, {"$ne": None}, b"x"], ids=repr)
def test_s07_a_session_may_hold_anything(forger: Forger, token: Any) -> None:
    """A session whose token is not text logs nobody in, and nothing breaks."""
    assert forger.in_session(token).status == 303
    assert forger.in_session(token, "/api/users/me").status == 401
