"""The data that auth works with: frozen values that the stores keep and both halves read.

Instants are aware datetimes in UTC, whole milliseconds (`clock.SystemClock` gives no finer ones), because
that is the finest that every store keeps.
"""

from app.auth.models.accounts import ADMIN, User
from app.auth.models.audit import AuditEvent
from app.auth.models.callers import Client, Principal
from app.auth.models.instances import Instance
from app.auth.models.keys import SigningKey
from app.auth.models.letters import Letter, LetterKind, Link, LinkPurpose
from app.auth.models.limits import Bucket, Limit
from app.auth.models.page import Item, Page
from app.auth.models.sessions import (
    ALL_SESSIONS,
    API_CLIENT,
    LEGACY_CLIENT,
    SCOPE,
    TOKEN_CLIENT,
    WEB_CLIENT,
    Revocation,
    RightsChange,
    Session,
    SessionOfUser,
    TokenPair,
)
from app.auth.models.tokens import PersonalToken, TokenOfUser

__all__ = [
    "ADMIN",
    "ALL_SESSIONS",
    "API_CLIENT",
    "LEGACY_CLIENT",
    "SCOPE",
    "TOKEN_CLIENT",
    "WEB_CLIENT",
    "AuditEvent",
    "Bucket",
    "Client",
    "Instance",
    "Item",
    "Letter",
    "LetterKind",
    "Limit",
    "Link",
    "LinkPurpose",
    "Page",
    "PersonalToken",
    "Principal",
    "Revocation",
    "RightsChange",
    "Session",
    "SessionOfUser",
    "SigningKey",
    "TokenOfUser",
    "TokenPair",
    "User",
]
