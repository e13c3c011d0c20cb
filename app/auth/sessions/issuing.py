"""Issues the tokens of a session: an access token and, unless it is a browser's session, a refresh token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.auth.extending import ExtraClaims
from app.auth.models import WEB_CLIENT, SessionOfUser, TokenPair
from app.auth.tokens import AccessTokens, RefreshTokens


@dataclass(frozen=True, kw_only=True, eq=False)
class Issuing:
    """Issues the tokens of sessions.

    Args:
        tokens: issues access tokens.
        refresh_tokens: derives refresh tokens.
        extra_claims: what the team's code adds to access tokens.
    """

    tokens: AccessTokens
    refresh_tokens: RefreshTokens
    extra_claims: ExtraClaims

    async def pair(self, found: SessionOfUser, *, generation: int = 1, scope: str = "") -> TokenPair:
        """New tokens.

        Args:
            found: the session and its user.
            generation: the generation of the refresh token.
            scope: the scope of the access token alone; the session's, if it is empty. The refresh token keeps the
                session's scope (RFC 6749 section 6).

        Raises:
            StoreUnavailable: no signing key is known yet.
        """
        extra = await self.extra_claims.of(found.user)
        narrow = replace(found.session, scope=scope) if scope else found.session
        access_token, principal = self.tokens.issue(found.user, narrow, extra)
        is_browser = found.session.client_id == WEB_CLIENT
        refresh_token = None if is_browser else self.refresh_tokens.derive(found.session, generation)
        return TokenPair(access_token, refresh_token, principal)
