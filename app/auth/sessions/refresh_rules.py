"""The rules for what a refresh token may do, without the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.auth.config import AuthConfig
from app.auth.errors import InvalidGrant
from app.auth.models import API_CLIENT, Session, SessionOfUser
from app.auth.ports import Rotation
from app.auth.tokens import RefreshToken, RefreshTokens, narrowed


@dataclass(frozen=True, kw_only=True, eq=False)
class RefreshRules:
    """Judges refresh tokens.

    Args:
        config: holds the lifetimes.
        refresh_tokens: knows the genuine ones.
    """

    config: AuthConfig
    refresh_tokens: RefreshTokens

    def judge(self, token: RefreshToken, now: datetime, scope: str, found: SessionOfUser) -> Rotation | None:
        """Returns how the session goes on if `token` is its current token, or None if it does not, for any reason.

        Raises:
            InvalidGrant: the token is not genuine. This is checked first: otherwise anyone who knows a session's
                id could end it with a forged old token.
            ScopeInvalid: the session's scope is narrower than `scope`.
        """
        session = found.session
        if not self.refresh_tokens.is_genuine(token, session):
            raise InvalidGrant()
        if not self.may_refresh(found, now) or token.generation != session.generation:
            return None
        narrowed(session.scope, scope)
        return Rotation(session.generation, now, min(now + self.config.idle_lifetime, session.expires_at))

    def may_refresh(self, found: SessionOfUser, now: datetime) -> bool:
        """Returns whether any refresh token of the session may be used."""
        return found.session.client_id == API_CLIENT and found.is_live(now)

    def counts(self, token: RefreshToken, session: Session, now: datetime) -> bool:
        """Returns whether `token` is the session's current token, or its parent within the grace."""
        return token.generation == session.generation or self._is_in_grace(token.generation, session, now)

    def _is_in_grace(self, generation: int, session: Session, now: datetime) -> bool:
        if generation != session.generation - 1 or session.rotated_at is None:
            return False
        # Counted from the rotation, so that using the parent again and again does not extend the grace.
        return now - session.rotated_at <= self.config.refresh_grace
