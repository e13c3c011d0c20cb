"""Tokens: what they contain and how they are signed."""

from app.auth.tokens.access import AccessTokens
from app.auth.tokens.refresh_tokens import RefreshToken, RefreshTokens
from app.auth.tokens.scopes import narrowed

__all__ = [
    "AccessTokens",
    "RefreshToken",
    "RefreshTokens",
    "narrowed",
]
