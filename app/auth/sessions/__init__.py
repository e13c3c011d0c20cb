"""Logins: begun, kept alive, ended."""

from app.auth.sessions.renewals import Renewals
from app.auth.sessions.revocations import Revocations
from app.auth.sessions.sessions import Sessions

__all__ = [
    "Renewals",
    "Revocations",
    "Sessions",
]
