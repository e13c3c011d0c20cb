"""Defines the data that auth works with: frozen values that the stores keep and both halves read.

Instants are aware datetimes in UTC, in whole milliseconds, which is the finest that every store can keep.
`clock.SystemClock` gives no finer ones.
"""

from app.auth.models.accounts import (
    ADMIN,
    MAX_EMAIL_LENGTH,
    MAX_NAME_LENGTH,
    MAX_PASSWORD_LENGTH,
    MAX_ROLE_LENGTH,
    MAX_ROLES,
    User,
    is_role,
)
from app.auth.models.audit import AuditEvent, EventLimit
from app.auth.models.callers import Client, Principal
from app.auth.models.instances import Instance
from app.auth.models.keys import SigningKey
from app.auth.models.letters import (
    DEFAULT_INVITE_DAYS,
    LIFETIMES,
    MAX_INVITE_DAYS,
    Letter,
    LetterKind,
    Link,
    LinkPurpose,
)
from app.auth.models.limits import Bucket, Limit
from app.auth.models.page import Item, Page
from app.auth.models.sessions import (
    ALL_SESSIONS,
    API_CLIENT,
    LEGACY_CLIENT,
    MAX_DEVICES,
    MAX_SESSIONS,
    READ,
    SCOPE,
    SESSIONS_PAGE,
    TOKEN_CLIENT,
    WEB_CLIENT,
    WRITE,
    Revocation,
    RightsChange,
    Session,
    SessionOfUser,
    TokenPair,
)
from app.auth.models.tokens import DEFAULT_TOKEN_DAYS, MAX_TOKEN_DAYS, MAX_TOKENS, PersonalToken, TokenOfUser

__all__ = [
    "ADMIN",
    "ALL_SESSIONS",
    "API_CLIENT",
    "DEFAULT_INVITE_DAYS",
    "DEFAULT_TOKEN_DAYS",
    "LEGACY_CLIENT",
    "LIFETIMES",
    "MAX_DEVICES",
    "MAX_EMAIL_LENGTH",
    "MAX_INVITE_DAYS",
    "MAX_NAME_LENGTH",
    "MAX_PASSWORD_LENGTH",
    "MAX_ROLES",
    "MAX_ROLE_LENGTH",
    "MAX_SESSIONS",
    "MAX_TOKENS",
    "MAX_TOKEN_DAYS",
    "READ",
    "SCOPE",
    "SESSIONS_PAGE",
    "TOKEN_CLIENT",
    "WEB_CLIENT",
    "WRITE",
    "AuditEvent",
    "Bucket",
    "Client",
    "EventLimit",
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
    "is_role",
]
