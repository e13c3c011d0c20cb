"""Makes tokens that must not count, as somebody with any key could make them, and shows them at every door.

A door is a way in for a token: as a bearer token on the API, and in Flask's session, on a page and where a script
of a page calls the API. The session is signed with the deployment's own key, and a token that a confused deputy
could plant there counts no more for that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.auth.keys import Key, Purpose
from tests.auth.jws import b64, claims_of, dumps, head_of
from tests.kit.cookies import make_cookie
from tests.kit.duet import ApiClient, Running
from tests.kit.naughty import Answer, Sender

#: What the attacker signs with: one key for each algorithm.
ATTACKERS: Final[dict[str, Any]] = {
    "HS256": b"the attacker's own secret, 32 bytes",
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
}
_DIGESTS: Final = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}


def signature(text: bytes, key: Any, algorithm: object = "HS256") -> bytes:
    """A signature by any kind of key. An HMAC has the digest of `algorithm`, and SHA-256 for unknown names."""
    if isinstance(key, bytes):
        return hmac.digest(key, text, _DIGESTS.get(str(algorithm), hashlib.sha256))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(text)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def compact(header: Any, payload: Any, key: Any, *, by: object = None) -> str:
    """A compact JWS of any header and payload; bytes stay as they are. `by` overrides the header's algorithm."""
    text = f"{b64(dumps(header))}.{b64(dumps(payload))}"
    algorithm = by if by is not None else header.get("alg") if isinstance(header, dict) else None
    return f"{text}.{b64(signature(text.encode(), key, algorithm))}"


class Forger:
    """Somebody with their own account who has the signing key, and shows what must not count."""

    def __init__(self, duet: Running) -> None:
        self.duet = duet
        self.user = duet.make_user(f"{uuid.uuid4().hex[:12]}@example.com")
        self.client = ApiClient(duet.url, verify=False)
        assert self.client.log_in(self.user.email).status_code == 200
        self.token = self.client.access_token
        self.header, self.claims = head_of(self.token), claims_of(self.token)
        self.key = duet.auth.signing.book.signer().signing
        self._sender = Sender(duet.url)

    def close(self) -> None:
        """Ends the connections."""
        self.client.close()
        self._sender.close()

    # Making tokens

    @property
    def algorithm(self) -> str:
        """The configured algorithm."""
        return str(self.header["alg"])

    def sign(
        self, *, header: Mapping[str, Any] | None = None, key: Any = None, by: object = None, **claims: Any
    ) -> str:
        """The genuine token with changes in its header and claims, signed with the signing key or another one."""
        head, body = {**self.header, **(header or {})}, {**self.claims, **claims}
        return compact(head, body, self.key if key is None else key, by=by)

    def sign_text(self, payload: bytes | str, header: bytes | None = None) -> str:
        """Any text as the payload, and as the header, under a valid signature."""
        text = payload.encode() if isinstance(payload, str) else payload
        return compact(self.header if header is None else header, text, self.key)

    def derived(self, purpose: Purpose) -> Key:
        """The deployment's own key for another purpose."""
        return self.duet.auth.keys.keys(purpose)[0]

    # Showing them

    def send(self, path: str, headers: Mapping[str, bytes | str], method: str = "GET", body: str = "") -> Answer:
        """Sends a request unchanged."""
        return self._sender.send(method, path, body, headers)

    def as_bearer(self, token: str | bytes) -> Answer:
        """Shows it on the API, in the header."""
        text = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
        return self.send("/api/users/me", {"Authorization": b"Bearer " + text})

    def in_session(self, token: object, path: str = "/account") -> Answer:
        """Shows it in Flask's session, signed as Flask signs it."""
        cookie = make_cookie(self.duet, {"access_token": token, "_permanent": True})
        return self.send(path, {"Cookie": f"session={cookie}", "Sec-Fetch-Site": "same-origin"})

    def counts(self, token: str) -> bool:
        """Whether the token lets its bearer in at every door."""
        answers = (self.as_bearer(token), self.in_session(token), self.in_session(token, "/api/users/me"))
        return [answer.status for answer in answers] == [200, 200, 200]

    def check_refused(self, tokens: Mapping[str, Any], *, code: str = "token_invalid") -> None:
        """Checks that none of `tokens` has any effect at any door, and that the refusals look as they should."""
        for name, token in tokens.items():
            if isinstance(token, str | bytes):
                bearer = self.as_bearer(token)
                _check_api(bearer, name, token)
                assert json.loads(bearer.text)["code"] == code, (name, bearer.text)
                assert bearer.headers["www-authenticate"].startswith('Bearer error="invalid_token"'), name
            _check_api(self.in_session(token, "/api/users/me"), name, token)
            page = self.in_session(token)
            assert (page.status, page.headers.get("location")) == (303, "/login?next=/account"), name
        assert self.counts(self.token), "the genuine token must count, or the refusals prove nothing"


def _check_api(answer: Answer, name: str, token: object) -> None:
    assert answer.status == 401, (name, answer.status)
    assert answer.headers["content-type"] == "application/problem+json", name
    assert answer.headers["www-authenticate"].startswith("Bearer"), name
    assert not (isinstance(token, str) and len(token) > 20 and token in answer.text), name


@contextmanager
def forging(duet: Running) -> Iterator[Forger]:
    """Yields a forger until the block is left."""
    one = Forger(duet)
    try:
        yield one
    finally:
        one.close()


def now() -> int:
    """Seconds since the epoch."""
    return int(time.time())
