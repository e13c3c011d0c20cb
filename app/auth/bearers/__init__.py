"""The kinds of bearer tokens that programs show."""

from app.auth.bearers.earlier import EarlierTokens
from app.auth.bearers.earlier_keys import is_hmac, verifying_key
from app.auth.bearers.introspection import Introspection
from app.auth.bearers.kinds import Bearers
from app.auth.bearers.personal import PersonalTokens

__all__ = [
    "Bearers",
    "EarlierTokens",
    "Introspection",
    "PersonalTokens",
    "is_hmac",
    "verifying_key",
]
