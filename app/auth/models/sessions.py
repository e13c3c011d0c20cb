"""Describes logins, and how they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from app.auth.models.accounts import User
from app.auth.models.callers import Principal

#: How many live sessions an account may have. One more login ends the one that was used the longest ago.
MAX_SESSIONS: Final = 500
#: How many devices an account knows. One more makes it forget the one that was seen the longest ago.
MAX_DEVICES: Final = 200
#: How many sessions a list shows at once, unless something else is asked for.
SESSIONS_PAGE: Final = 100

# The words of a scope: they allow reading what the user may read, and changing what the user may change.
READ = "read"
WRITE = "write"
#: What an access token may do if nobody asked for less: everything that its user may.
SCOPE = f"{READ} {WRITE}"


@dataclass(frozen=True, slots=True)
class Session:
    """One login on one device: what a refresh token or a browser's cookie refers to."""

    id: str
    user_id: str
    #: `WEB_CLIENT` or `API_CLIENT`.
    client_id: str
    created_at: datetime
    #: When its owner last proved who they are (RFC 9068 section 2.2.1).
    auth_time: datetime
    #: The last renewal, not the last request: requests do not touch the store.
    last_used_at: datetime
    #: The idle limit, which every renewal extends.
    idle_expires_at: datetime
    #: The absolute limit, which never moves.
    expires_at: datetime
    #: Which refresh token is the current one. The token itself is derived, never stored.
    generation: int = 1
    #: When `generation` became the current one: the start of its parent's grace.
    rotated_at: datetime | None = None
    #: Enters the refresh token's MAC, so that restoring a backup can void what was issued after it.
    nonce: str = field(default="", repr=False)
    ip: str = ""
    user_agent: str = ""
    revoked_at: datetime | None = None
    #: A code of `errors`, such as `logged_out` or `refresh_reused`.
    revoked_reason: str = ""
    #: What its access tokens may do (RFC 6749 section 3.3).
    scope: str = SCOPE
    #: How its owner proved who they are (RFC 8176).
    amr: tuple[str, ...] = ("pwd",)
    #: The user's value when the session began. The session no longer counts once that value has changed.
    credentials_version: int = 0

    def is_live(self, now: datetime) -> bool:
        """Returns whether it is neither revoked nor past one of its limits at `now`."""
        return self.revoked_at is None and now < self.expires_at and now < self.idle_expires_at


#: `client_id` of sessions that live in Flask's cookie; they have no refresh token.
WEB_CLIENT = "web"
#: `client_id` of sessions that live in a refresh token.
API_CLIENT = "api"
#: Stands for a session's id in a `Revocation`: it ends all sessions from before that instant (after a restore).
ALL_SESSIONS = "*"
#: `client_id` of callers that show a personal access token, which belongs to no session.
TOKEN_CLIENT = "personal-token"  # noqa: S105 - a name, not a secret
#: `client_id` of callers that show a token of the team's earlier system, which belongs to no session either.
LEGACY_CLIENT = "legacy"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a successful login or refresh hands out. `refresh_token` is None for a browser's session."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    principal: Principal
    #: A new id for the browser's device cookie; None if the browser is known already, or the client is no browser.
    device: str | None = field(default=None, repr=False)

    @property
    def expires_in(self) -> int:
        """The access token's life, in seconds (RFC 6749 section 5.1)."""
        return int((self.principal.expires_at - self.principal.issued_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Revocation:
    """A session that was ended, as the in-memory revocation list learns of it."""

    session_id: str
    revoked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RightsChange:
    """A user whose older access tokens no longer count."""

    user_id: str
    rights_version: int
    changed_at: datetime


class SessionOfUser(NamedTuple):
    """A session in any state, and the user that it belongs to."""

    session: Session
    user: User

    def is_live(self, now: datetime) -> bool:
        """Returns whether the session's tokens count at `now`.

        They do not if the account is disabled, nor if the session is from before the latest change of what proves
        who its owner is, whether or not anybody has revoked it since.
        """
        return (
            self.user.is_active
            and self.session.is_live(now)
            and self.session.credentials_version == self.user.credentials_version
        )
