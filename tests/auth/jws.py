"""JWTs of any shape, signed by hand: PyJWT would refuse to make most of them."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from app.auth.keys import Key


def b64(data: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def dumps(value: Any) -> bytes:
    """Encode as JSON; bytes are taken as they are."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def signed(header: Any, payload: Any, secret: bytes, digest: Any = hashlib.sha256) -> str:
    """A compact JWS with an HMAC, whatever its header says."""
    text = f"{b64(dumps(header))}.{b64(dumps(payload))}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), digest))}"


def header_for(key: Key, **changes: Any) -> dict[str, Any]:
    """The header of a good token, with `changes`; a value of None leaves a parameter out."""
    header = {"alg": "HS256", "typ": "at+jwt", "kid": key.kid, **changes}
    return {name: value for name, value in header.items() if value is not None}


def _part(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    part: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return part


def head_of(token: str) -> dict[str, Any]:
    """The header of a compact JWS, unverified."""
    return _part(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a compact JWS, unverified."""
    return _part(token, 1)
