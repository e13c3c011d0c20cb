"""Keys derived from the deployment's secrets: one per purpose, so that no token passes for another kind."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Purpose(StrEnum):
    """What a derived key is for. The value enters the derivation, so it never changes."""

    ACCESS_TOKEN = "access-token"  # noqa: S105 - a name, not a secret
    REFRESH_TOKEN = "refresh-token"  # noqa: S105 - a name, not a secret
    WEB_SESSION = "web-session"
    CSRF = "csrf"
    #: One-time links in mails.
    LINK = "link"
    #: Flask's own `SECRET_KEY`: for what a team's extension signs.
    EXTENSIONS = "extensions"


@dataclass(frozen=True, slots=True)
class Key:
    """A derived key and the public name it goes by (RFC 7515 section 4.1.4)."""

    kid: str
    secret: bytes = field(repr=False)


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


def _derive(secret: bytes, purpose: Purpose) -> Key:
    """HKDF with SHA-256 (RFC 5869), one block of output."""
    extracted = hmac.digest(b"duet", secret, hashlib.sha256)
    key = hmac.digest(extracted, purpose.encode() + b"\x01", hashlib.sha256)
    # A name that tells nothing of the key, and that two containers with the same secret agree on.
    kid = hmac.digest(key, b"kid", hashlib.sha256).hex()[:12]
    return Key(kid, key)
