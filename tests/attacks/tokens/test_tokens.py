"""Forged tokens, at every door and under each kind of key: algorithm and signature (security.md, items 1 and
2)."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from app.auth.keys import Purpose
from app.auth.models import WEB_CLIENT, Client
from tests.attacks.conftest import new_address
from tests.attacks.forge import ATTACKERS, Forger, compact, forging, now
from tests.auth.jws import b64, claims_of, dumps
from tests.kit.duet import PASSWORD, SECRET, Running


def encodings(private: Any) -> dict[str, bytes]:
    """A public key in the forms that somebody might take for a secret."""
    public, raw = private.public_key(), serialization.PublicFormat
    pem = public.public_bytes(serialization.Encoding.PEM, raw.SubjectPublicKeyInfo)
    forms = {
        "PEM": pem,
        "PEM without its last line break": pem.rstrip(),
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "DER": public.public_bytes(serialization.Encoding.DER, raw.SubjectPublicKeyInfo),
    }
    if isinstance(private, type(ATTACKERS["EdDSA"])):
        forms["raw"] = public.public_bytes(serialization.Encoding.Raw, raw.Raw)
    return forms


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "", None, 0, ["none"], {}]
)
def test_s01_no_spelling_of_none_passes(forger: Forger, alg: Any) -> None:
    """A token with no algorithm is no token: unsigned, with any signature, or with one for another header."""
    unsigned = forger.sign(header={"alg": alg}).rpartition(".")[0]
    nameless = {name: value for name, value in forger.header.items() if name != "alg"}
    tokens = {
        "no signature": f"{unsigned}.",
        "two parts": unsigned,
        "the genuine signature": f"{unsigned}.{forger.token.rpartition('.')[2]}",
        "a signature of this": forger.sign(header={"alg": alg}, by=forger.algorithm),
        "a blank signature": f"{unsigned}.{b64(bytes(32))}",
        "a short header": compact({"alg": alg}, forger.claims, b"").rpartition(".")[0] + ".",
        "no alg": compact(nameless, forger.claims, forger.key),
        "the genuine token without its signature": forger.token.rpartition(".")[0] + ".",
    }
    forger.check_refused(tokens)


def test_s01_only_the_configured_algorithm_counts(forger: Forger) -> None:
    """Other HMACs with our secret, other algorithms with the attacker's key, and near-miss names do not count."""
    tokens = {f"attacker's {alg}": forger.sign(header={"alg": alg}, key=key) for alg, key in ATTACKERS.items()}
    for alg in ("HS256", "HS384", "HS512"):
        for purpose in Purpose:
            key = forger.derived(purpose)
            if (purpose, alg) != (Purpose.ACCESS_TOKEN, "HS256"):
                tokens[f"{alg}, {purpose}"] = forger.sign(header={"alg": alg, "kid": key.kid}, key=key.secret)
                tokens[f"{alg}, {purpose}, our kid"] = forger.sign(header={"alg": alg}, key=key.secret)
    for alg in (
        "hs256",
        "HS256 ",
        "eddsa",
        "Ed25519",
        "EDDSA",
        "PS256",
        "ES256K",
        "HS1",
        "dir",
        "A128KW",
        "\ud800",
    ):
        tokens[f"called {alg!r}"] = forger.sign(header={"alg": alg}, by=forger.algorithm)
    forger.check_refused(tokens)


def test_s01_the_derived_secret_signs_nothing_where_a_key_pair_does(eddsa_house: Running) -> None:
    """After a change of algorithm a token of the earlier one does not count: the API refuses it, a page asks the
    store."""
    with forging(eddsa_house) as forger:
        key = forger.derived(Purpose.ACCESS_TOKEN)
        token = forger.sign(header={"alg": "HS256", "kid": key.kid}, key=key.secret)
        answer = forger.as_bearer(token)
        assert (answer.status, json.loads(answer.text)["code"]) == (401, "key_retired")
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
        # A session that is not a browser's is not renewed, and neither is one that the store does not know.
        for other in (token, forger.sign(header={"alg": "HS256", "kid": key.kid}, key=key.secret, sid="made-up")):
            assert forger.in_session(other).status == 303
            assert forger.in_session(other, "/api/users/me").status == 401


def test_s01_a_public_key_is_no_hmac_secret(eddsa_house: Running) -> None:
    """The public key signs nothing as PEM, DER, raw bytes, a JWK or the whole key set, under any name."""
    with forging(eddsa_house) as forger:
        document = forger.client.get("/.well-known/jwks.json")
        [jwk] = [one for one in document.json()["keys"] if one["kid"] == forger.header["kid"]]
        secrets = {
            **encodings(forger.key),
            "JWK": json.dumps(jwk).encode(),
            "compact JWK": json.dumps(jwk, separators=(",", ":")).encode(),
            "the whole set": document.content,
            "x": jwk["x"].encode(),
            "kid": jwk["kid"].encode(),
        }
        tokens = {}
        for name, secret in secrets.items():
            for alg in ("HS256", "HS384", "HS512"):
                tokens[f"{name}, {alg}"] = forger.sign(header={"alg": alg}, key=secret)
            kid = forger.derived(Purpose.ACCESS_TOKEN).kid
            derived = {"alg": "HS256", "kid": kid}
            tokens[f"{name}, derived"] = forger.sign(header=derived, key=secret)
            tokens[f"{name}, called EdDSA"] = forger.sign(key=secret)
        forger.check_refused(tokens)


def test_s01_what_is_public_or_not_derived_is_no_secret(house: Running) -> None:
    """Under HS256 the empty key set, the key's name and the secret itself sign nothing."""
    with forging(house) as forger:
        document = forger.client.get("/.well-known/jwks.json")
        assert document.json() == {"keys": []}
        own = {
            "nothing": b"",
            "the set": document.content,
            "kid": forger.header["kid"].encode(),
            "NUL": b"\0" * 32,
        }
        own |= {"SECRET_KEY": SECRET.encode(), "issuer": forger.claims["iss"].encode(), "default": b"secret"}
        forger.check_refused({name: forger.sign(key=secret) for name, secret in own.items()})


class _Listener(http.server.ThreadingHTTPServer):
    """Serves the attacker's keys, and counts the requests for them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> Any:
        found = super().get_request()
        self.connections += 1
        return found


@pytest.fixture
def listener() -> Iterator[_Listener]:
    """A real server on this machine, to which keys in a header may point."""
    with _Listener() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.02,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def _jwk(private: Any) -> dict[str, Any]:
    if isinstance(private, bytes):
        return {"kty": "oct", "k": b64(private), "alg": "HS256", "kid": "mine"}
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), "alg": "EdDSA", "use": "sig", "kid": "mine"}


def test_s02_no_key_in_a_header_is_used_or_fetched(forger: Forger, listener: _Listener) -> None:
    """`jwk`, `jku`, `x5u` and `x5c` are refused whoever signed the token, and nobody fetches them."""
    certificate = b64(b"0\x82\x01\x0a" + bytes(300))
    tokens = {}
    for alg in ("HS256", "EdDSA"):
        key = ATTACKERS[alg]
        extras: dict[str, dict[str, Any]] = {
            "jwk": {"jwk": _jwk(key)},
            "jku": {"jku": f"{listener.url}/jwks.json"},
            "x5u": {"x5u": f"{listener.url}/cert.pem"},
            "x5c": {"x5c": [certificate]},
            "kid": {"kid": f"{listener.url}/jwks.json"},
            "all": {"jwk": _jwk(key), "jku": listener.url, "x5u": listener.url, "x5c": [certificate]},
        }
        for name, extra in extras.items():
            tokens[f"{name}, {alg}"] = forger.sign(header={"alg": alg, **extra}, key=key)
            tokens[f"{name}, {alg}, their kid"] = forger.sign(header={"alg": alg, "kid": "mine", **extra}, key=key)
            tokens[f"{name}, ours"] = forger.sign(header=extra)
    forger.check_refused(tokens)
    assert listener.connections == 0


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["made-up"], "made-up": True},
        {"crit": []},
        {"crit": None},
        {"b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"cty": "JWT"},
        {"x5t": "abc"},
        {"nonce": "1"},
        {"": ""},
    ],
    ids=str,
)
def test_s02_what_a_header_may_not_say_is_refused(forger: Forger, extra: dict[str, Any]) -> None:
    """A header parameter that we do not write is refused, critical or not, even under our own signature."""
    tokens = {"signed": forger.sign(header=extra)}
    if extra.get("b64") is False:  # RFC 7797: the payload itself is what is signed
        head, body = b64(dumps({**forger.header, **extra})), dumps(forger.claims)
        mac = compact(forger.header, body, forger.key).rpartition(".")[2]
        tokens["unencoded"] = f"{head}.{body.decode()}.{mac}"
        tokens["detached"] = f"{head}..{mac}"
    forger.check_refused(tokens)


def test_s02_the_signature_comes_before_what_the_claims_say(forger: Forger) -> None:
    """A changed claim is a forgery and nothing else: it is not expired, revoked or renewed, and it ends
    nothing."""
    victim = forger.duet.make_user(new_address(), roles=["admin"])
    pair = forger.duet.wait(forger.duet.auth.sessions.log_in(victim.email, PASSWORD, Client(WEB_CLIENT)))
    head, _, mac = forger.token.split(".")
    changes: dict[str, dict[str, Any]] = {
        "admin": {"roles": ["admin"]},
        "somebody else": {"sub": victim.id},
        "their session": {"sid": pair.principal.session_id, "sub": victim.id, "client_id": "web"},
        "an expired one of theirs": {
            **claims_of(pair.access_token),
            "iat": now() - 1000,
            "exp": now() - 100,
        },
        "from the future": {"iat": now() + 5000, "exp": now() + 5900},
        "for ever": {"exp": now() + 10**9},
        "other rights": {"rights_version": 0},
    }
    tokens = {name: f"{head}.{b64(dumps({**forger.claims, **more}))}.{mac}" for name, more in changes.items()}
    tokens |= {
        f"{name}, signed": forger.sign(key=ATTACKERS[forger.algorithm], **more) for name, more in changes.items()
    }
    tokens["theirs under our header"] = f"{head}.{pair.access_token.split('.')[1]}.{mac}"
    forger.check_refused(tokens)
    for token in tokens.values():
        assert forger.client.post("/api/auth/revoke", data={"token": token}).status_code == 200
        looked_at = forger.client.post("/api/auth/introspect", data={"token": token})
        assert looked_at.json() == {"active": False}
    assert forger.duet.auth.sessions.authenticate(pair.access_token).user_id == victim.id
