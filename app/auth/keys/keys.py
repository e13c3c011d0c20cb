"""Derives keys from the deployment's secrets, one for each purpose, so that no token passes for another kind.

It also defines what a key of access tokens is, derived or not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from app.auth.clock import BEGINNING

#: The algorithm of derived keys.
HMAC: Final = "HS256"


class Purpose(StrEnum):
    """What a derived key is for. The value enters the derivation, so it never changes."""

    ACCESS_TOKEN = "access-token"  # noqa: S105 - a name, not a secret
    REFRESH_TOKEN = "refresh-token"  # noqa: S105 - a name, not a secret
    WEB_SESSION = "web-session"
    CSRF = "csrf"
    #: One-time links in mails.
    LINK = "link"
    #: Encrypts the private halves of key pairs.
    SIGNING_KEYS = "signing-keys"
    #: Lets containers see whether they have the same secrets.
    FINGERPRINT = "fingerprint"
    #: Seals a backup.
    BACKUP = "backup"
    #: Flask's own `SECRET_KEY`, for what a team's extension signs.
    EXTENSIONS = "extensions"


@dataclass(frozen=True, slots=True)
class Key:
    """A derived key and its public name (RFC 7515 section 4.1.4)."""

    kid: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key of access tokens, as this process sees it now.

    `verifying` and `signing` are what `jws` takes: a secret, or the halves of a pair. `signing` is None if it only
    verifies. Its tokens do not count from `retired_at` on, because somebody retired it, nor from `ends_at` on,
    because the last of them has expired by then, or because the algorithm is no longer the configured one.
    """

    kid: str
    algorithm: str
    verifying: Any = field(repr=False)
    signing: Any = field(repr=False)
    signs_from: datetime = BEGINNING
    retired_at: datetime | None = None
    ends_at: datetime | None = None

    def is_retired(self, now: datetime) -> bool:
        """Returns whether somebody retired it. The reason is not known, so nothing that it signed is trusted."""
        return self.retired_at is not None and now >= self.retired_at

    def counts(self, now: datetime) -> bool:
        """Returns whether its tokens may count: it is not retired, and its time is not over."""
        return not self.is_retired(now) and (self.ends_at is None or now < self.ends_at)


class TokenKeys(Protocol):
    """Provides the keys of access tokens. It is asked on every use."""

    def signer(self) -> TokenKey:
        """Returns the key that signs now. Raises `StoreUnavailable` if none is known yet."""
        ...

    def find(self, kid: str) -> TokenKey | None:
        """Returns the key of that name, whether or not it still counts; None if there is none.

        Raises `StoreUnavailable` if it can't be told whether there is one.
        """
        ...


class DerivedKeys:
    """Holds the keys of access tokens that are derived from the secrets: HMAC with SHA-256.

    Args:
        keys: the first signs, all verify.
        are_current: whether tokens are signed with them. If not, what they signed no longer counts.
    """

    def __init__(self, keys: Sequence[Key], *, are_current: bool = True) -> None:
        ends_at = None if are_current else BEGINNING
        made = [TokenKey(key.kid, HMAC, key.secret, key.secret, ends_at=ends_at) for key in keys]
        self._signer = made[0]
        self._keys = {key.kid: key for key in made}

    def signer(self) -> TokenKey:
        """Returns the key that is derived from `SECRET_KEY`."""
        return self._signer

    def find(self, kid: str) -> TokenKey | None:
        """Returns the key of that name, or None."""
        return self._keys.get(kid)

    def all(self) -> list[TokenKey]:
        """Returns all of them, the signing one first."""
        return list(self._keys.values())


class KeyRing:
    """Derives all keys of a deployment.

    Args:
        secrets: `SECRET_KEY` first, then its fallbacks. The first signs, all verify.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("a key ring needs at least one secret")
        self._secrets = tuple(secret.encode() for secret in secrets)

    def keys(self, purpose: Purpose) -> tuple[Key, ...]:
        """Returns the keys for `purpose`, the signing one first."""
        return tuple(_derive(secret, purpose) for secret in self._secrets)

    def fingerprints(self) -> tuple[str, ...]:
        """Returns a fingerprint of each secret, of 16 hex digits, beginning with the signing one.

        It tells one secret from another and reveals nothing else. It has its own purpose, so that anyone who sees
        it learns nothing about a key that is used.
        """
        keys = self.keys(Purpose.FINGERPRINT)
        return tuple(mac(key.secret, b"fingerprint").hex()[:16] for key in keys)


def _derive(secret: bytes, purpose: Purpose) -> Key:
    """Derives a key with HKDF and SHA-256 (RFC 5869), as one block of output."""
    extracted = mac(b"duet", secret)
    key = mac(extracted, purpose.encode() + b"\x01")
    # This name reveals nothing about the key, and two containers with the same secret agree on it.
    kid = mac(key, b"kid").hex()[:12]
    return Key(kid, key)


def mac(key: bytes, message: bytes) -> bytes:
    """Returns the HMAC-SHA256 of `message` (RFC 2104).

    It does not use `hmac.digest`, which releases the interpreter lock: on the event loop, beside busy threads,
    getting the lock back takes longer than signing a token.
    """
    return hmac.new(key, message, hashlib.sha256).digest()
