"""The data that auth works with: frozen values that the stores keep and both halves read.

Instants are aware datetimes in UTC, whole milliseconds (`clock.SystemClock` gives no finer ones), because
that is the finest that every store keeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.auth.errors import AuthError


@dataclass(frozen=True, slots=True)
class User:
    """A stored account. `email` is as its owner spells it, `email_key` its normal form, which is unique."""

    id: str
    email: str
    email_key: str
    password_hash: str = field(repr=False)
    created_at: datetime
    name: str = ""
    roles: tuple[str, ...] = ()
    is_active: bool = True
    is_email_verified: bool = False
    #: Counts up whenever roles or activity change; every access token carries the value it was issued under.
    rights_version: int = 1
    rights_changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One login on one device: what a refresh token or a browser's cookie refers to."""

    id: str
    user_id: str
    #: `WEB_CLIENT` or `API_CLIENT`.
    client_id: str
    created_at: datetime
    #: When the password was last proven (RFC 9068 section 2.2.1).
    auth_time: datetime
    #: The last renewal, not the last request: requests do not touch the store.
    last_used_at: datetime
    #: The idle limit: pushed on by every renewal.
    idle_expires_at: datetime
    #: The absolute limit: never moves.
    expires_at: datetime
    #: Which refresh token is the current one. The token itself is derived, never stored.
    generation: int = 1
    #: When `generation` became the current one: the start of its parent's grace.
    rotated_at: datetime | None = None
    #: Enters the refresh token's MAC, so that restoring a back-up can void what was issued after it.
    nonce: str = field(default="", repr=False)
    ip: str = ""
    user_agent: str = ""
    revoked_at: datetime | None = None
    #: A code of `errors`, such as `logged_out` or `refresh_reused`.
    revoked_reason: str = ""

    def is_live(self, now: datetime) -> bool:
        """Whether it is neither revoked nor past one of its limits at `now`."""
        return self.revoked_at is None and now < self.expires_at and now < self.idle_expires_at


#: `client_id` of sessions that live in Flask's cookie; they have no refresh token.
WEB_CLIENT = "web"
#: `client_id` of sessions that live in a refresh token.
API_CLIENT = "api"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a login comes from: `id` is `WEB_CLIENT` or `API_CLIENT`."""

    id: str
    ip: str = ""
    user_agent: str = ""

    @classmethod
    def of(cls, client_id: str, *, ip: str, user_agent: str) -> Client:
        """A client whose user agent is cut, and freed of what would break a line of a log or a list."""
        return cls(client_id, ip, "".join(char for char in user_agent if char.isprintable())[:256])


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a successful log-in or refresh hands out. `refresh_token` is None for a browser's session."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    principal: Principal

    @property
    def expires_in(self) -> int:
        """The access token's life, in seconds (RFC 6749 section 5.1)."""
        return int((self.principal.expires_at - self.principal.issued_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller of this request, as the verified access token tells it."""

    user_id: str
    session_id: str
    client_id: str
    roles: frozenset[str]
    scope: str
    auth_time: datetime
    amr: tuple[str, ...]
    rights_version: int
    token_id: str
    issued_at: datetime
    expires_at: datetime

    def has_role(self, role: str) -> bool:
        """Whether the caller's access token carries `role`."""
        return role in self.roles


@dataclass(frozen=True, slots=True)
class Caller:
    """What the gate found out about a request: somebody, or nobody and the reason why."""

    principal: Principal | None = None
    #: Why there is no principal. Always set when `principal` is None.
    error: AuthError | None = None
    #: An access token issued during this request, which the pages put into Flask's session.
    renewed: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Revocation:
    """A session that was ended: what the in-memory revocation list is fed with."""

    session_id: str
    revoked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RightsChange:
    """A user whose older access tokens no longer count."""

    user_id: str
    rights_version: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit log: what happened, to whom, from where."""

    id: str
    at: datetime
    event: str
    user_id: str = ""
    session_id: str = ""
    ip: str = ""
    user_agent: str = ""
    detail: str = ""
