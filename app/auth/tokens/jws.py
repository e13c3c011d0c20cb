"""Takes apart, verifies and makes signed JSON in its compact form (RFC 7515). The only importer of `jwt`."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import jwt

from app.auth.errors import TokenInvalid

#: In characters. Our tokens have about 600, and anything longer than this is not worth decoding.
MAX_LENGTH: Final = 8192

#: An HMAC secret, or a key of the `cryptography` package: public to verify, private to sign.
SignatureKey: TypeAlias = Any

# Matched against the whole text before anything is decoded: PyJWT accepts a trailing '=', which would give one
# token a second spelling.
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)

# PyJWT checks the signature and nothing else: the caller checks the claims, and no clock is read here.
_SIGNATURES: Final = jwt.PyJWS()


def header_of(token: str) -> dict[str, Any]:
    """Returns the header, unverified: use it only to pick the key or to refuse the token.

    Raises:
        TokenInvalid: the text as a whole is not the one spelling of a compact JWS whose header is an object.
    """
    return _object(_decoded(_segments(token)[0]))


def verified(token: str, key: SignatureKey, algorithm: str) -> dict[str, Any]:
    """Returns the claims, if `key` signed them with `algorithm`.

    The caller checks the rest of the header (everything but `alg`) and what the claims say.

    Raises:
        TokenInvalid: the token does not verify, for any reason.
    """
    header_of(token)  # PyJWT accepts more: other spellings of a token, and other encodings of JSON
    try:
        payload: bytes = _SIGNATURES.decode(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        # Besides its own errors, PyJWT lets others out, from lone surrogates, deep nesting and odd types.
        raise TokenInvalid() from error
    return _object(payload)


def signed(claims: Mapping[str, Any], key: SignatureKey, algorithm: str, header: Mapping[str, str]) -> str:
    """Returns the signed, compact form of `claims`; `header` holds what the header says besides `alg`."""
    return jwt.encode(dict(claims), key, algorithm, headers=dict(header))


def _object(data: bytes) -> dict[str, Any]:
    """Parses `data`, a JSON object in UTF-8 (RFC 7519 section 7.2). Raises `TokenInvalid` if it is not one."""
    try:
        value = json.loads(data.decode())  # given bytes, `json` would guess the encoding and accept UTF-16
    except (ValueError, RecursionError) as error:
        raise TokenInvalid() from error
    if not isinstance(value, dict):
        raise TokenInvalid()
    return value


def _segments(token: str) -> tuple[str, str, str]:
    match = _COMPACT.fullmatch(token) if len(token) <= MAX_LENGTH else None
    if match is None or not all(map(_is_canonical, match.groups())):
        raise TokenInvalid()
    header, claims, signature = match.groups()
    return header, claims, signature


def _is_canonical(segment: str) -> bool:
    """Returns whether `segment` is the one spelling of its bytes.

    Its last character may hold bits that decoding drops.
    """
    try:
        data = _decoded(segment)
    except ValueError:
        return False
    return urlsafe_b64encode(data).rstrip(b"=").decode() == segment


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
