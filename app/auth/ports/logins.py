"""Defines what a login reads and writes, so that a store can do each in one step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.auth.models import MAX_DEVICES, MAX_SESSIONS, AuditEvent, EventLimit, Session, User


@dataclass(frozen=True, slots=True)
class LoginCandidate:
    """An account that somebody wants to log in to, and what it knows of their device."""

    user: User
    #: Whether the account knows any device: before the first login it does not.
    has_devices: bool
    #: Those of the requested keys that the account knows.
    known_devices: frozenset[str]


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """What is written together with a new session.

    Args:
        event: the row for the audit log.
        device_key: the device that the account knows from now on, or has seen again.
        wiped: the counters to reset, since the password was right.
        taken_back: the counters that forget this one hit.
        limit: how often such an event gets a row.
        devices: how many devices the account knows at most, this one included. It forgets those that were seen the
            longest ago.
    """

    event: AuditEvent
    device_key: str
    wiped: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()
    limit: EventLimit | None = None
    devices: int = MAX_DEVICES


@dataclass(frozen=True, slots=True)
class Added:
    """A session was stored."""

    #: Whether the account did not know the device. Of many logins at once, it is new to only one.
    is_new_device: bool = False
    #: The ids of the sessions that were ended because the account had too many.
    displaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """A counter that takes no more hits for a while."""

    key: str
    until: datetime


class Logins(Protocol):
    """The two steps of a login: before the proof is checked, and after."""

    async def user_to_log_in(self, email_key: str, *, devices: Collection[str]) -> LoginCandidate | None:
        """Returns the user with that email address, and which of `devices` they logged in with before.

        `devices` are hashes of the devices' keys. Returns None if there is no such user.
        """
        ...

    async def add_session(
        self, session: Session, *, record: LoginRecord | None = None, most: int = MAX_SESSIONS
    ) -> Added | None:
        """Stores a new session, and its `record`, if its user is active and has its `credentials_version`.

        Returns None if not, and then stores nothing. The condition closes the race between a login and a change of
        the password or the disabling of the account: whichever comes second sees the other, and afterwards no
        session of the old password or the disabled user is live.

        If the user then has more than `most` live sessions, those that were used the longest ago are revoked, with
        the reason `session_displaced`. However many are added at once, in several processes, `most` are left.
        """
        ...
