"""Tells the kinds of bearer tokens apart, which nothing else does."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth.bearers.earlier import EarlierTokens
from app.auth.bearers.personal import PREFIX, PersonalTokens
from app.auth.errors import TokenInvalid
from app.auth.models import Client, Principal
from app.auth.sessions import Sessions


def is_personal(token: str) -> bool:
    """Returns whether `token`, if it is a token at all, is a personal access token."""
    return token.startswith(PREFIX)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bearers:
    """Judges and ends bearer tokens of every kind (RFC 6750 section 2.1).

    Args:
        sessions: judges access tokens, and ends the sessions of access and refresh tokens.
        personal_tokens: judges and ends personal access tokens.
        earlier_tokens: judges tokens of a team's earlier system.
    """

    sessions: Sessions
    personal_tokens: PersonalTokens
    earlier_tokens: EarlierTokens

    async def authenticate(self, token: str) -> Principal:
        """Returns whose token it is, if it counts. For one of Duet's own access tokens, the store is not asked.

        Raises:
            NotAuthenticated: it does not count; the kind of the error says why.
            StoreUnavailable: the store can't be asked now.
        """
        if is_personal(token):
            return await self.personal_tokens.authenticate(token)
        try:
            return self.sessions.authenticate(token)
        except TokenInvalid:  # and no other error: a token of ours that ended is no token of an earlier system
            return await self.earlier_tokens.authenticate(token)

    async def revoke(self, token: str, client: Client) -> None:
        """Ends a personal access token, or the session of a refresh or access token (RFC 7009 section 2.1).

        Any other text does nothing. Raises `StoreUnavailable`.
        """
        if is_personal(token):
            await self.personal_tokens.revoke(token, client)
        else:
            await self.sessions.revoke_token(token, client)
