"""Keys derived from the deployment's secrets, one per purpose, so that no token passes for another kind; and what
a key of access tokens is, derived or not."""

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
    #: What the private halves of key pairs are encrypted under.
    SIGNING_KEYS = "signing-keys"
    #: By which containers see whether they have the same secrets.
    FINGERPRINT = "fingerprint"
    #: What a back-up is sealed with.
    BACKUP = "backup"
    #: Flask's own `SECRET_KEY`: for what a team's extension signs.
    EXTENSIONS = "extensions"


@dataclass(frozen=True, slots=True)
class Key:
    """A derived key and the public name it goes by (RFC 7515 section 4.1.4)."""

    kid: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key of access tokens, as this process sees it just now.

    `verifying` and `signing` are what `jws` takes: a secret, or the halves of a pair; `signing` is None where it
    only verifies. Its own tokens do not count from `retired_at` on, because somebody said so, nor from `ends_at`
    on, because the last of them has expired by then, or the algorithm is no longer the configured one.
    """

    kid: str
    algorithm: str
    verifying: Any = field(repr=False)
    signing: Any = field(repr=False)
    signs_from: datetime = BEGINNING
    retired_at: datetime | None = None
    ends_at: datetime | None = None

    def is_retired(self, now: datetime) -> bool:
        """Whether somebody ended it: who knows why, so nothing that it signed is believed."""
        return self.retired_at is not None and now >= self.retired_at

    def counts(self, now: datetime) -> bool:
        """Whether its tokens may count: it is not retired, and its time is not over."""
        return not self.is_retired(now) and (self.ends_at is None or now < self.ends_at)


class TokenKeys(Protocol):
    """Where access tokens get their keys from. Asked on every use."""

    def signer(self) -> TokenKey:
        """The key that signs now. Raises `StoreUnavailable` if none is known yet."""
        ...

    def find(self, kid: str) -> TokenKey | None:
        """The key of that name, whether or not it still counts. Raises `StoreUnavailable` if nobody can tell."""
        ...


class DerivedKeys:
    """The keys of access tokens that are derived from the secrets: HMAC with SHA-256.

    Args:
        keys: the first signs, all verify.
        are_current: whether tokens are signed with them: else what they signed no longer counts.
    """

    def __init__(self, keys: Sequence[Key], *, are_current: bool = True) -> None:
        ends_at = None if are_current else BEGINNING
        made = [TokenKey(key.kid, HMAC, key.secret, key.secret, ends_at=ends_at) for key in keys]
        self._signer = made[0]
        self._keys = {key.kid: key for key in made}

    def signer(self) -> TokenKey:
        """The key of `SECRET_KEY`."""
        return self._signer

    def find(self, kid: str) -> TokenKey | None:
        """The key of that name."""
        return self._keys.get(kid)

    def all(self) -> list[TokenKey]:
        """The signing one first."""
        return list(self._keys.values())


class KeyRing:
    """All keys of a deployment.

    Args:
        secrets: `SECRET_KEY` first, then its fallbacks. The first signs, all verify.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("a key ring needs at least one secret")
        self._secrets = tuple(secret.encode() for secret in secrets)

    def keys(self, purpose: Purpose) -> tuple[Key, ...]:
        """The keys for `purpose`, the signing one first."""
        return tuple(_derive(secret, purpose) for secret in self._secrets)

    def fingerprints(self) -> tuple[str, ...]:
        """What tells one secret from another, and nothing else of it: 16 hex digits each, the signing one first.

        They have a purpose of their own, so that whoever sees them learns nothing of a key that is used.
        """
        keys = self.keys(Purpose.FINGERPRINT)
        return tuple(mac(key.secret, b"fingerprint").hex()[:16] for key in keys)


def _derive(secret: bytes, purpose: Purpose) -> Key:
    """HKDF with SHA-256 (RFC 5869), one block of output."""
    extracted = mac(b"duet", secret)
    key = mac(extracted, purpose.encode() + b"\x01")
    # A name that tells nothing of the key, and that two containers with the same secret agree on.
    kid = mac(key, b"kid").hex()[:12]
    return Key(kid, key)


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104).

    Not by `hmac.digest`: that frees the interpreter lock, and on the event loop, with busy threads beside it, the
    way back takes longer than it takes to sign a token.
    """
    return hmac.new(key, message, hashlib.sha256).digest()
