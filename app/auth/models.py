"""The data that auth works with: frozen values that the stores keep and both halves read.

Instants are aware datetimes in UTC, whole milliseconds (`clock.SystemClock` gives no finer ones), because
that is the finest that every store keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from app.auth.errors import AuthError

Item = TypeVar("Item")

#: What an access token may do where nobody asked for less: everything its user may.
SCOPE = "read write"
#: The role that the administration asks for. A team may invent any others.
ADMIN = "admin"


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
    #: None where it never was, since the account was made or since Duet notes it.
    password_changed_at: datetime | None = None


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
    #: What its access tokens may do (RFC 6749 section 3.3).
    scope: str = SCOPE

    def is_live(self, now: datetime) -> bool:
        """Whether it is neither revoked nor past one of its limits at `now`."""
        return self.revoked_at is None and now < self.expires_at and now < self.idle_expires_at


#: `client_id` of sessions that live in Flask's cookie; they have no refresh token.
WEB_CLIENT = "web"
#: `client_id` of sessions that live in a refresh token.
API_CLIENT = "api"
#: In place of a session's id, in what was ended: all sessions from before that instant (a restore).
ALL_SESSIONS = "*"
#: `client_id` of callers that show a personal access token, which belongs to no session.
TOKEN_CLIENT = "personal-token"  # noqa: S105 - a name, not a secret
#: `client_id` of callers that show a token of the team's earlier system, which belongs to no session either.
LEGACY_CLIENT = "legacy"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: `id` is `WEB_CLIENT` or `API_CLIENT`.

    `devices` are the ids in the browser's device cookie: proof of an earlier login here, and nothing more.
    """

    id: str
    ip: str = ""
    user_agent: str = ""
    devices: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, client_id: str, *, ip: str, user_agent: str, devices: tuple[str, ...] = ()) -> Client:
        """A client whose user agent is cut, and freed of what would break a line of a log or a list."""
        return cls(client_id, ip, "".join(char for char in user_agent if char.isprintable())[:256], devices)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a successful log-in or refresh hands out. `refresh_token` is None for a browser's session."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    principal: Principal
    #: A new id for the browser's device cookie; None where the browser is known already, or is none.
    device: str | None = field(default=None, repr=False)

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
    #: What the team's extensions added to the token.
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)

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
    #: Whether a browser's session was shown, and no token.
    by_session: bool = False


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
    #: Whom it concerns.
    user_id: str = ""
    session_id: str = ""
    ip: str = ""
    user_agent: str = ""
    detail: str = ""
    #: Who did it, where that is somebody else: an admin.
    actor_id: str = ""


class LinkPurpose(StrEnum):
    """What a one-time link opens. The value is the first part of the page's address, and enters the link's MAC."""

    VERIFY_EMAIL = "verify-email"
    CHANGE_EMAIL = "change-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a name, not a secret
    INVITE = "invite"
    SETUP = "setup"


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that has not been used yet. Its token is derived, never stored (see `links`)."""

    id: str
    purpose: str
    created_at: datetime
    expires_at: datetime
    #: Whose account it is about; empty for an invite and the set-up.
    user_id: str = ""
    #: The address that following the link proves; empty where it proves none.
    email: str = ""
    #: What an invite gives.
    roles: tuple[str, ...] = ()
    #: Who invited.
    created_by: str = ""


class LetterKind(StrEnum):
    """What a mail is about; also the name of its template."""

    VERIFY_EMAIL = "verify-email"
    ADDRESS_IN_USE = "address-in-use"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a name, not a secret
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name, not a secret
    CHANGE_EMAIL = "change-email"
    EMAIL_CHANGE_REQUESTED = "email-change-requested"
    EMAIL_CHANGED = "email-changed"
    NEW_DEVICE = "new-device"
    INVITE = "invite"
    ACCOUNT_DELETED = "account-deleted"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that waits to be sent. It holds no link: a stolen database must not yield one."""

    id: str
    kind: str
    #: The address it goes to.
    to: str
    created_at: datetime
    #: When it may be tried (again). Whoever tries it moves this on first, so that nobody else does meanwhile.
    due_at: datetime
    user_id: str = ""
    #: What its template says beside the link, as JSON.
    params: str = ""
    attempts: int = 0

    @property
    def values(self) -> dict[str, str]:
        """`params` as a mapping."""
        return dict(json.loads(self.params)) if self.params else {}


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A personal access token, for scripts. The token itself is shown once and kept as a hash."""

    id: str
    user_id: str
    name: str
    token_hash: str = field(repr=False)
    created_at: datetime
    expires_at: datetime
    read_only: bool = False
    #: To the minute or so.
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is limited, and how: `free` hits, then each further one waits twice as long as the one before.

    The first wait is `first_wait`, the longest `longest_wait`. All is forgotten `window` after the first hit.
    """

    key: str
    free: int
    first_wait: timedelta
    longest_wait: timedelta
    window: timedelta


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list, and where the next part begins."""

    items: list[Item]
    #: To be handed back for the next page; None where this is the last one.
    cursor: str | None = None
