"""Defines how a store keeps logins, and reports at once what other processes do to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from app.auth.models import (
    SESSIONS_PAGE,
    Revocation,
    RightsChange,
    Session,
    SessionOfUser,
)
from app.auth.ports.rotation import Judge, Judged


class Sessions(Protocol):
    """The logins, and what other processes did to them."""

    async def session_with_user(self, session_id: str) -> SessionOfUser | None:
        """Returns the session, in any state, and its user; None if either is gone."""
        ...

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        """Sets `last_used_at` and `idle_expires_at` if the session is live at `now`. Returns whether it was."""
        ...

    async def judge_session(self, session_id: str, judge: Judge) -> Judged | None:
        """Reads the session, in any state, with its user, and does what `judge` says about them, in one step.

        A rotation is a compare-and-swap. If the session is live and at that generation, it adds one to the
        generation, and sets `rotated_at`, `last_used_at` and `idle_expires_at`. If not, nothing changes.

        Returns None if either is gone. Raises what `judge` raises, and then nothing has changed.
        """
        ...

    async def set_auth_time(self, session_id: str, *, now: datetime) -> bool:
        """Sets `auth_time` to `now` if the session is live then. Returns whether it was."""
        ...

    async def revoke_session(self, session_id: str, *, at: datetime, reason: str) -> bool:
        """Revokes the session unless it is revoked already. Returns whether it did. Keeps an earlier reason."""
        ...

    async def revoke_user_sessions(
        self, user_id: str, *, at: datetime, reason: str, keep: str | None = None
    ) -> list[str]:
        """Revokes all of the user's sessions except `keep`. Returns the ids of those that it ended."""
        ...

    async def sessions_of(
        self, user_id: str, *, now: datetime, after: str = "", limit: int = SESSIONS_PAGE
    ) -> list[Session]:
        """Returns the user's live sessions, the most recently used first.

        Args:
            user_id: whose sessions.
            now: the current instant.
            after: the id of the session that comes before these, live or not; the first ones if it is empty, and
                none if the user has no such session.
            limit: how many, at most.
        """
        ...

    async def revoked_since(self, at: datetime, *, limit: int = 1000) -> list[Revocation]:
        """Returns the sessions with `revoked_at` at or after `at`, the earliest first."""
        ...

    async def rights_changed_since(self, at: datetime, *, limit: int = 1000) -> list[RightsChange]:
        """Returns the users with `rights_changed_at` at or after `at`, the earliest first."""
        ...


class Watching(Protocol):
    """A store that can be listened to."""

    def endings(self) -> AsyncIterator[Revocation | RightsChange]:
        """Yields what ends a session or changes rights from now on, in any process and by any clock.

        It ends at once if the database can't report this; then polling has to do. Raises `StoreUnavailable` when
        the database is gone, and what happens between then and the next call is not reported.
        """
        ...
