"""What auth needs from outside, as Protocols: a store and a clock.

Every store method is atomic by itself, raises `StoreUnavailable` when the database does not answer in time,
and never blocks the event loop. The contract suite in `tests/store/` holds for each implementation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from app.auth.deployment import Instances, SigningKeys
from app.auth.models import (
    AuditEvent,
    Bucket,
    Letter,
    Link,
    Page,
    PersonalToken,
    Revocation,
    RightsChange,
    Session,
    User,
)
from app.auth.opening import Added, Along, Blocked, Found
from app.auth.rotation import Judge, Judged, Rotation
from app.auth.watching import Watching


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """This instant: aware, UTC, whole milliseconds."""
        ...


class Users(Protocol):
    """Accounts."""

    async def add_user(self, user: User) -> None:
        """Stores a new user. Raises `EmailTaken` if `email_key` is in use."""
        ...

    async def add_users(self, users: Sequence[User]) -> list[str]:
        """Stores those whose `email_key` is free, many at once; the `email_key` of each that it did not store."""
        ...

    async def user_by_id(self, user_id: str) -> User | None: ...

    async def user_by_email(self, email_key: str) -> User | None: ...

    async def user_to_log_in(self, email_key: str, *, devices: Collection[str]) -> Found | None:
        """The user with that address, and which of `devices`, hashes of their keys, they logged in with before."""
        ...

    async def find_users(self, query: str = "", *, cursor: str = "", limit: int = 100) -> Page[User]:
        """A page of the users whose address, name or last name begins with `query`, each once.

        First those whose address does, in the order of `email_key`; then the names, then the last names, each in
        their order. An empty query finds everybody. Capitals make no difference. Raises `CursorInvalid`.
        """
        ...

    async def has_users(self) -> bool:
        """Whether there is any account."""
        ...

    async def has_admin(self) -> bool:
        """Whether an active account has the role `admin`."""
        ...

    async def set_name(self, user_id: str, name: str) -> User | None:
        """The changed user, or None if there is none."""
        ...

    async def set_email(self, user_id: str, email: str, email_key: str, *, expected_key: str) -> User | None:
        """Replaces the address, which counts as verified, if its normal form still is `expected_key`.

        None if it is not, or there is no such user. Raises `EmailTaken` if another user has `email_key`.
        """
        ...

    async def set_email_verified(self, user_id: str, *, email_key: str) -> User | None:
        """Marks the address as verified, if it still is `email_key`. None if it is not."""
        ...

    async def set_password_hash(
        self, user_id: str, password_hash: str, *, expected: str, changed_at: datetime | None = None
    ) -> bool:
        """Replaces the hash if it still is `expected`; whether it did.

        `changed_at` is None where it is another hash of the same password.
        """
        ...

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        """Sets what is not None, adds one to `rights_version`, sets `rights_changed_at` to `at`.

        Raises `LastAdmin`, and changes nothing, if this user is an active admin, would be none afterwards, and
        nobody else is one: also where two admins demote each other at the same moment.
        """
        ...

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        """Removes the user with all links, letters, tokens and devices, and revokes the sessions
        (`account_deleted`). The ip and user agent of sessions and audit rows about or by the user are blanked.

        The revoked rows stay until `purge`, so that other processes learn of them. Raises `LastAdmin` as
        `set_rights` does.
        """
        ...


class Sessions(Protocol):
    """Logins, and what other processes did to them."""

    async def add_session(
        self, session: Session, *, password_hash: str, along: Along | None = None
    ) -> Added | None:
        """Stores a new session, and what comes `along`, if its user is active and still has `password_hash`.

        None if not, and then nothing is stored. The condition closes the race of a log-in with a password change
        or a disabling: whichever comes second sees the other, and afterwards no session of the old password or the
        disabled user lives.
        """
        ...

    async def session_with_user(self, session_id: str) -> tuple[Session, User] | None:
        """The session in whatever state, and its user. None if either is gone."""
        ...

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        """If the session is live at `now`: sets `last_used_at` and `idle_expires_at`. Whether it was."""
        ...

    async def rotate_session(self, session_id: str, rotation: Rotation) -> bool:
        """One compare-and-swap: if the session is live and at that generation, counts it up by one and sets
        `rotated_at`, `last_used_at` and `idle_expires_at`. Whether it did."""
        ...

    async def judge_session(self, session_id: str, judge: Judge) -> Judged | None:
        """In one step: reads the session in whatever state, with its user, and does what `judge` says of them.

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


class Links(Protocol):
    """One-time links."""

    async def add_link(self, link: Link) -> None: ...

    async def link(self, link_id: str, *, now: datetime) -> Link | None:
        """The link, if it was neither used nor is past `expires_at`."""
        ...

    async def take_link(self, link_id: str, *, now: datetime) -> Link | None:
        """Removes the link and returns it if it still counted: of many callers one gets it."""
        ...

    async def links_for(self, purpose: str, *, now: datetime, limit: int = 200) -> list[Link]:
        """Those of a purpose that still count, the newest first."""
        ...

    async def remove_links(self, user_id: str, purposes: Collection[str]) -> None:
        """Removes a user's links of these purposes."""
        ...


class Letters(Protocol):
    """Mails that wait to be sent."""

    async def add_letter(self, letter: Letter) -> None: ...

    async def claim_letter(self, *, now: datetime, until: datetime) -> Letter | None:
        """The letter that is due the longest, with one more attempt and its `due_at` moved to `until`: of many
        callers one gets it, and if that one dies it is due again then. None if none is due."""
        ...

    async def put_letter_off(self, letter_id: str, *, due_at: datetime) -> None: ...

    async def remove_letter(self, letter_id: str) -> None: ...


class Tokens(Protocol):
    """Personal access tokens."""

    async def add_token(self, token: PersonalToken, *, limit: int) -> bool:
        """Stores it, unless the user has `limit` tokens already; whether it did. Under parallel calls the limit
        may be exceeded by as many."""
        ...

    async def tokens_of(self, user_id: str) -> list[PersonalToken]:
        """The user's tokens, expired ones too, the newest first."""
        ...

    async def token_with_user(self, token_hash: str) -> tuple[PersonalToken, User] | None:
        """The token with that hash, and its user. None if either is gone."""
        ...

    async def touch_token(self, token_id: str, *, at: datetime) -> None:
        """Sets `last_used_at`."""
        ...

    async def remove_token(self, user_id: str, token_id: str) -> bool:
        """Removes it, if it is that user's; whether it was there."""
        ...

    async def remove_tokens(self, user_id: str) -> int:
        """Removes all of the user's; how many."""
        ...


class Hits(Protocol):
    """Counters of what is limited: one atomic step, right under parallel calls and across processes."""

    async def hit(self, bucket: Bucket, *, now: datetime) -> datetime | None:
        """Counts one hit and returns None; or counts nothing and returns until when `bucket` is blocked.

        After `free` hits each further one blocks the next for twice as long as before: the hit number `free`
        blocks for `first_wait`, the next for twice that, up to `longest_wait`. `window` after its first hit a
        bucket begins anew.
        """
        ...

    async def hit_all(self, buckets: Sequence[Bucket], *, now: datetime) -> Blocked | None:
        """Counts one hit on each; or on none, and returns the first that is blocked."""
        ...

    async def take_back_hits(self, *keys: str) -> None:
        """Undoes one hit on each, and lifts the block that it caused."""
        ...

    async def forget_hits(self, *keys: str) -> None:
        """They begin anew."""
        ...


class Audit(Protocol):
    """What happened."""

    async def add_audit_event(self, event: AuditEvent) -> None: ...

    async def audit_events(
        self, *, user_id: str = "", event: str = "", cursor: str = "", limit: int = 100
    ) -> Page[AuditEvent]:
        """The newest first; those that concern a user, those of a kind, or all. Raises `CursorInvalid`."""
        ...


class Store(Users, Sessions, Links, Letters, Tokens, Hits, Audit, SigningKeys, Instances, Watching, Protocol):
    """Everything that auth keeps."""

    async def open(self) -> None:
        """Connects, brings the schema up to date and makes the indexes. May be called again after a failure."""
        ...

    async def close(self) -> None:
        """Lets go of everything. Safe to call twice, and without `open`."""
        ...

    async def ping(self) -> None:
        """Returns if the database answers, else raises `StoreUnavailable`."""

    async def purge(self, *, now: datetime, sessions_before: datetime, audit_before: datetime) -> int:
        """Removes sessions that were revoked, or ran out of either limit, before `sessions_before`; audit events
        older than `audit_before`; links, counters and personal tokens that ran out before `now`, and devices not
        seen for 400 days. How many rows went."""
        ...
