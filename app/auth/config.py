"""Holds the figures that auth works by. The composition root fills them in from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class EarlierConfig:
    """How tokens of a team's earlier code are recognised, and until when.

    Args:
        key: an HMAC secret, or a public key in PEM.
        algorithm: the one that signed them.
        until: the last day on which they count, in UTC.
        issuer: what their `iss` has to be; not checked if empty.
        audience: what their `aud` has to be, or to contain; if empty, tokens with an `aud` do not count.
        user_claim: the claim that names the user.
    """

    key: str = field(repr=False)
    algorithm: str
    until: date
    issuer: str = ""
    audience: str = ""
    user_claim: str = "sub"


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """What a deployment decides about logins.

    Args:
        issuer: the `iss` and `aud` of access tokens: the public address, without a trailing slash.
        access_lifetime: how long an access token lives.
        idle_lifetime: how long a session lives without being renewed.
        absolute_lifetime: how long a session lives at most.
        refresh_grace: how long a refresh token's immediate parent still yields its successor.
        bcrypt_rounds: the binary logarithm of bcrypt's iterations.
        hash_threads: how many passwords are hashed at once.
        password_min_length: a password's least length, in characters.
        registration: `open`, `invite` or `closed`.
        require_verified_email: whether an email address has to be confirmed before its owner can log in.
        rate_limits: whether tries are counted and limited.
        audit_lifetime: how long the audit log is kept.
        algorithm: what signs access tokens: `HS256`, `EdDSA`, `ES256` or `RS256`.
        rotate_after: how long a key pair signs before the next one does; for ever if None.
        earlier: tokens of a team's earlier code that count for a while; None if there are none.
    """

    issuer: str
    access_lifetime: timedelta = timedelta(minutes=15)
    idle_lifetime: timedelta = timedelta(days=30)
    absolute_lifetime: timedelta = timedelta(days=90)
    refresh_grace: timedelta = timedelta(seconds=30)
    bcrypt_rounds: int = 12
    hash_threads: int = 1
    password_min_length: int = 15
    registration: str = "open"
    require_verified_email: bool = False
    rate_limits: bool = True
    audit_lifetime: timedelta = timedelta(days=90)
    algorithm: str = "HS256"
    rotate_after: timedelta | None = timedelta(days=90)
    earlier: EarlierConfig | None = None
