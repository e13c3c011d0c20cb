"""What auth needs from outside, as Protocols: a store and a clock.

Every store method is atomic by itself, raises `StoreUnavailable` when the database does not answer in time,
and never blocks the event loop. The contract suite in `tests/store/` holds for each implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.auth.models import AuditEvent, Revocation, RightsChange, Session, User


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """This instant: aware, UTC, whole milliseconds."""
        ...


class Store(Protocol):
    """Users, sessions and the audit log."""

    async def open(self) -> None:
        """Connects, brings the schema up to date and makes the indexes. May be called again after a failure."""
        ...

    async def close(self) -> None:
        """Lets go of everything. Safe to call twice, and without `open`."""
        ...

    async def ping(self) -> None:
        """Returns if the database answers, else raises `StoreUnavailable`."""
        ...

    # users

    async def add_user(self, user: User) -> None:
        """Stores a new user. Raises `EmailTaken` if `email_key` is in use."""
        ...

    async def user_by_id(self, user_id: str) -> User | None: ...

    async def user_by_email(self, email_key: str) -> User | None: ...

    async def list_users(self, *, after: str = "", limit: int = 100) -> list[User]:
        """Users in the order of `email_key`, those greater than `after`, at most `limit`."""
        ...

    async def set_name(self, user_id: str, name: str) -> User | None:
        """The changed user, or None if there is none."""
        ...

    async def set_password_hash(self, user_id: str, password_hash: str, *, expected: str) -> bool:
        """Replaces the hash if it still is `expected`; whether it did."""
        ...

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        """Sets what is not None, adds one to `rights_version`, sets `rights_changed_at` to `at`."""
        ...

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        """Removes the user and revokes the sessions (`account_deleted`), whose ip and user agent are blanked.

        The revoked rows stay until `purge`, so that other processes learn of them.
        """
        ...

    # sessions

    async def add_session(self, session: Session, *, password_hash: str) -> bool:
        """Stores a new session if its user is active and still has `password_hash`; whether it did.

        The condition closes the race of a log-in with a password change or a disabling: whichever comes
        second sees the other, and afterwards no session of the old password or the disabled user lives.
        """
        ...

    async def session_with_user(self, session_id: str) -> tuple[Session, User] | None:
        """The session in whatever state, and its user. None if either is gone."""
        ...

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        """If the session is live at `now`: sets `last_used_at` and `idle_expires_at`. Whether it was."""
        ...

    async def rotate_session(
        self, session_id: str, *, generation: int, now: datetime, idle_expires_at: datetime
    ) -> bool:
        """One compare-and-swap: if the session is live at `now` and at `generation`, counts that up by one and
        sets `rotated_at`, `last_used_at` and `idle_expires_at`. Whether it did."""
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

    # what other processes did

    async def revoked_since(self, at: datetime) -> list[Revocation]:
        """Every session with `revoked_at` at or after `at`."""
        ...

    async def rights_changed_since(self, at: datetime) -> list[RightsChange]:
        """Every user with `rights_changed_at` at or after `at`."""
        ...

    # audit and upkeep

    async def add_audit_event(self, event: AuditEvent) -> None: ...

    async def audit_events(self, *, user_id: str | None = None, limit: int = 100) -> list[AuditEvent]:
        """The newest events first, of one user or of all."""
        ...

    async def purge(self, *, sessions_before: datetime, audit_before: datetime) -> int:
        """Removes sessions that were revoked, or ran out of either limit, before `sessions_before`, and audit
        events older than `audit_before`; how many rows went."""
        ...
