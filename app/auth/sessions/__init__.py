"""Logins: how they begin, are kept alive and end."""

from app.auth.sessions.endings import Endings
from app.auth.sessions.issuing import Issuing
from app.auth.sessions.refresh_rules import RefreshRules
from app.auth.sessions.refreshing import Refreshing
from app.auth.sessions.renewals import Renewals
from app.auth.sessions.revocations import Revocations
from app.auth.sessions.sessions import Sessions

__all__ = ["Endings", "Issuing", "RefreshRules", "Refreshing", "Renewals", "Revocations", "Sessions"]
