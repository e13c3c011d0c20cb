"""Signed JSON in its compact form (RFC 7515): taken apart, verified and made. The only importer of `jwt`."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import jwt

from app.auth.errors import TokenInvalid

#: Characters. Ours have about 600; more is not worth decoding.
MAX_LENGTH: Final = 8192

#: An HMAC secret, or a public (to verify) or private (to sign) key of `cryptography`'s.
SignatureKey: TypeAlias = Any

# The whole text, before anything is decoded: PyJWT takes a trailing '=' and so a second spelling of one token.
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)

# The signature is PyJWT's to check, and no more: the claims are the caller's, and no clock is asked here.
_SIGNATURES: Final = jwt.PyJWS()


def header_of(token: str) -> dict[str, Any]:
    """The header, which nobody has vouched for yet: good for picking the key, and for refusing.

    Raises:
        TokenInvalid: the text is not, as a whole, the one spelling of a compact JWS whose header is an object.
    """
    return _object(_decoded(_segments(token)[0]))


def verified(token: str, key: SignatureKey, algorithm: str) -> dict[str, Any]:
    """The claims, if `key` signed them with `algorithm`. The header beside its `alg`, and what the claims say, are
    the caller's to check.

    Raises:
        TokenInvalid: for whatever reason.
    """
    header_of(token)  # PyJWT takes more for one: several spellings, and other encodings of JSON
    try:
        payload: bytes = _SIGNATURES.decode(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        # Beside its own errors PyJWT lets out what lone surrogates, deep nesting and odd types raise below it.
        raise TokenInvalid() from error
    return _object(payload)


def signed(claims: Mapping[str, Any], key: SignatureKey, algorithm: str, header: Mapping[str, str]) -> str:
    """The compact form of `claims`, signed; `header` is what it says beside `alg`."""
    return jwt.encode(dict(claims), key, algorithm, headers=dict(header))


def _object(data: bytes) -> dict[str, Any]:
    """The JSON object that `data` is, in UTF-8 (RFC 7519 section 7.2). Raises `TokenInvalid` if it is none."""
    try:
        value = json.loads(data.decode())  # of bytes, `json` guesses the encoding: UTF-16 would do
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
    """Whether `segment` is the one spelling of its bytes: its last character may hold bits that decoding drops."""
    try:
        data = _decoded(segment)
    except ValueError:
        return False
    return urlsafe_b64encode(data).rstrip(b"=").decode() == segment


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
