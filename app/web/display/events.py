"""The audit log in words: what the pages call each event. They show its code beside it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Every event that auth records, in the order of an account's life.
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "registered": "Account made",
        "users_imported": "Users imported",
        "registration_refused": "Account not made",
        "email_verified": "Address verified",
        "login": "Logged in",
        "login_failed": "Log-in failed",
        "login_blocked": "Log-in put off after many tries",
        "reauthenticated": "Password confirmed",
        "wrong_password": "Wrong password given",
        "logout": "Logged out",
        "session_revoked": "Session ended",
        "other_sessions_revoked": "All other sessions ended",
        "sessions_revoked": "All sessions ended",
        "session_displaced": "Oldest sessions ended, being too many",
        "token_revoked": "Token revoked",
        "refresh_refused": "Refresh refused",
        "refresh_reused": "Refresh token used twice",
        "password_changed": "Password changed",
        "password_reset_requested": "Password reset asked for",
        "password_reset": "Password reset",
        "email_change_requested": "Change of address asked for",
        "email_changed": "Address changed",
        "personal_token_created": "Personal token made",
        "personal_token_removed": "Personal token removed",
        "invited": "Somebody invited",
        "invite_withdrawn": "Invite withdrawn",
        "roles_changed": "Roles changed",
        "account_disabled": "Account disabled",
        "account_enabled": "Account enabled",
        "account_deleted": "Account deleted",
        "signing_key_rotated": "Signing key rotated",
        "signing_key_retired": "Signing key retired",
        "restored": "Restored from a back-up",
        "refused": "Refused for lack of rights",
    }
)


def event_label(event: str) -> str:
    """Returns 'Logged in' for `login`. An event without words is called by its code."""
    return EVENTS.get(event) or event.replace("_", " ").capitalize()
