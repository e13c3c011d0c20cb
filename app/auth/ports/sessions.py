"""Logins, as a store keeps them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from app.auth.models import (
    Revocation,
    RightsChange,
    Session,
    SessionOfUser,
)
from app.auth.ports.rotation import Judge, Judged


class Sessions(Protocol):
    """Logins, and what other processes did to them."""

    async def session_with_user(self, session_id: str) -> SessionOfUser | None:
        """The session in whatever state, and its user. None if either is gone."""
        ...

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        """If the session is live at `now`: sets `last_used_at` and `idle_expires_at`. Whether it was."""
        ...

    async def judge_session(self, session_id: str, judge: Judge) -> Judged | None:
        """In one step: reads the session in whatever state, with its user, and does what `judge` says of them.

        A rotation is a compare-and-swap: if the session is live and at that generation, it counts it up by one and
        sets `rotated_at`, `last_used_at` and `idle_expires_at`; else nothing changes.

        None if either is gone. Raises what `judge` raises, and then nothing has changed.
        """
        ...

    async def set_auth_time(self, session_id: str, *, now: datetime) -> bool:
        """If the session is live at `now`: sets `auth_time` to it. Whether it was."""
        ...

    async def revoke_session(self, session_id: str, *, at: datetime, reason: str) -> bool:
        """Revokes it unless it is revoked already; whether it did. Never changes an earlier reason."""
        ...

    async def revoke_user_sessions(
        self, user_id: str, *, at: datetime, reason: str, keep: str | None = None
    ) -> list[str]:
        """Revokes all of the user's sessions but `keep`; the ids of those that it ended."""
        ...

    async def sessions_of(self, user_id: str, *, now: datetime) -> list[Session]:
        """The user's live sessions, the latest used first."""
        ...

    async def revoked_since(self, at: datetime, *, limit: int = 1000) -> list[Revocation]:
        """Sessions with `revoked_at` at or after `at`, the earliest first."""
        ...

    async def rights_changed_since(self, at: datetime, *, limit: int = 1000) -> list[RightsChange]:
        """Users with `rights_changed_at` at or after `at`, the earliest first."""
        ...


class Watching(Protocol):
    """A store that can be listened to."""

    def endings(self) -> AsyncIterator[Revocation | RightsChange]:
        """Whatever ends a session or changes rights from now on, whichever process did it, by whatever clock.

        It ends at once where the database can't tell: a poll has to do there. Raises `StoreUnavailable` when the
        database is gone; what happens until it is called again is not told.
        """
        ...
