"""The kinds of bearer tokens, told apart here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth.bearers.earlier import EarlierTokens
from app.auth.bearers.personal import PREFIX, PersonalTokens
from app.auth.errors import TokenInvalid
from app.auth.models import Client, Principal
from app.auth.sessions import Sessions


def is_personal(token: str) -> bool:
    """Whether it is a personal access token, if it is anything."""
    return token.startswith(PREFIX)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bearers:
    """What a program may show as a bearer token, of whatever kind (RFC 6750 section 2.1).

    Args:
        sessions: judge access tokens, and end what refresh tokens belong to.
        personal_tokens: judge and end theirs.
        earlier_tokens: judge those of a team's earlier system.
    """

    sessions: Sessions
    personal_tokens: PersonalTokens
    earlier_tokens: EarlierTokens

    async def authenticate(self, token: str) -> Principal:
        """Whose token it is, if it counts. For an access token of Duet's own the store is not asked.

        Raises:
            NotAuthenticated: it does not count; the kind says why.
            StoreUnavailable: that can't be told now.
        """
        if is_personal(token):
            return await self.personal_tokens.authenticate(token)
        try:
            return self.sessions.authenticate(token)
        except TokenInvalid:  # and for no other reason: one of ours that ended is nothing else
            return await self.earlier_tokens.authenticate(token)

    async def revoke(self, token: str, client: Client) -> None:
        """Ends a personal access token, or the session of a refresh or access token (RFC 7009 section 2.1).

        Any other text does nothing. Raises `StoreUnavailable`.
        """
        if is_personal(token):
            await self.personal_tokens.revoke(token, client)
        else:
            await self.sessions.revoke_token(token, client)
