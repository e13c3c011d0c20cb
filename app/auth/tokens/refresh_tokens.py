"""Refresh tokens: derived from a session and its generation and never stored, so a stolen database yields none."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.auth.errors import InvalidGrant
from app.auth.keys import Key, mac
from app.auth.models import Session

_FORM: Final = re.compile(r"duet_rt_([A-Za-z0-9_-]{1,64})\.([1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a refresh token claims. Nothing in it is to be believed before `RefreshTokens.is_genuine` says so."""

    session_id: str
    generation: int
    mac: str = field(repr=False)


class RefreshTokens:
    """Derives and checks refresh tokens.

    Args:
        keys: the first one signs, and all of them verify.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(key.secret for key in keys)

    def derive(self, session: Session, generation: int) -> str:
        """Returns the refresh token of `session` at `generation`, which is the same text each time."""
        return f"duet_rt_{session.id}.{generation}.{_mac(self._keys[0], session, generation)}"

    def decode(self, text: str) -> RefreshToken:
        """Returns the parts of a refresh token, unchecked. Raises `InvalidGrant` if `text` has another form."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise InvalidGrant()
        return RefreshToken(match[1], int(match[2]), match[3])

    def is_genuine(self, token: RefreshToken, session: Session) -> bool:
        """Returns whether this deployment derived `token` for `session`, in any of its generations."""
        return any(hmac.compare_digest(_mac(key, session, token.generation), token.mac) for key in self._keys)


def _mac(key: bytes, session: Session, generation: int) -> str:
    # After a restore from a backup, the nonce voids everything that was derived after that backup.
    message = f"{session.id}.{generation}.{session.nonce}".encode()
    return urlsafe_b64encode(mac(key, message)).rstrip(b"=").decode()
