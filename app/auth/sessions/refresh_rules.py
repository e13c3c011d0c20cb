"""What a refresh token may do: the rules alone, without the store."""

from __future__ import annotations

from datetime import datetime

from app.auth.config import AuthConfig
from app.auth.errors import InvalidGrant
from app.auth.models import API_CLIENT, Session, User
from app.auth.ports import Rotation
from app.auth.tokens import RefreshToken, RefreshTokens, narrowed


class RefreshRules:
    """Judges refresh tokens.

    Args:
        config: the lifetimes.
        refresh_tokens: knows the genuine ones.
    """

    def __init__(self, config: AuthConfig, refresh_tokens: RefreshTokens) -> None:
        self._config = config
        self._refresh_tokens = refresh_tokens

    def judge(
        self, token: RefreshToken, now: datetime, scope: str, session: Session, user: User
    ) -> Rotation | None:
        """How the session goes on where `token` is its current one; None where it does not, for whatever reason.

        Raises:
            InvalidGrant: the token is not genuine. Before all else: whoever knows a session's id could else end it
                by a forged old token.
            ScopeInvalid: the session has less than `scope`.
        """
        if not self._refresh_tokens.is_genuine(token, session):
            raise InvalidGrant()
        if not self.may_refresh(session, user, now) or token.generation != session.generation:
            return None
        narrowed(session.scope, scope)
        return Rotation(session.generation, now, min(now + self._config.idle_lifetime, session.expires_at))

    def may_refresh(self, session: Session, user: User, now: datetime) -> bool:
        """Whether any refresh token of the session may be used."""
        return user.is_active and session.client_id == API_CLIENT and session.is_live(now)

    def counts(self, token: RefreshToken, session: Session, now: datetime) -> bool:
        """Whether `token` is the session's current one, or the parent of it within the grace."""
        return token.generation == session.generation or self._is_in_grace(token.generation, session, now)

    def _is_in_grace(self, generation: int, session: Session, now: datetime) -> bool:
        if generation != session.generation - 1 or session.rotated_at is None:
            return False
        # From the rotation on, so that using the parent again and again does not stretch it.
        return now - session.rotated_at <= self._config.refresh_grace
