"""The audit log in words: what each event is called on the pages. Its code stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Every event that auth records, in the order of an account's life.
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "registered": "Account made",
        "login": "Logged in",
        "login_failed": "Log-in failed",
        "reauthenticated": "Password confirmed",
        "wrong_password": "Wrong password given",
        "logged_out": "Logged out",
        "session_revoked": "Session ended",
        "sessions_revoked": "Sessions ended",
        "token_revoked": "Token revoked",
        "refresh_reused": "Refresh token used twice, session ended",
        "password_changed": "Password changed",
        "roles_changed": "Roles changed",
        "account_disabled": "Account disabled",
        "account_enabled": "Account enabled",
        "account_deleted": "Account deleted",
    }
)


def event_words(event: str) -> str:
    """'Logged in' for `login`; an event without words is called by its code."""
    return EVENTS.get(event) or event.replace("_", " ").capitalize()
