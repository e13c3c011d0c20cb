"""Records for the stores' tests, and stores that close by themselves."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from app.auth.errors import StoreUnavailable
from app.auth.models import (
    AuditEvent,
    Bucket,
    Instance,
    Letter,
    Limit,
    Link,
    PersonalToken,
    Session,
    SigningKey,
    User,
)
from app.auth.ports import LoginRecord, NewPassword, Rotation, Store
from app.store import open_store

#: An instant whose milliseconds are not zero, so that a store that keeps only seconds is found out.
NOW = datetime.now(UTC).replace(microsecond=123_000)
MS = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

#: In seconds, for a busy machine: what counts as "without waiting" where a waiting caller would take two; a
#: caller's longest wait, two plus the refusal's time; and a hanging probe, a pause and the next, some six.
AT_ONCE, IN_TIME, SOON = 1.8, 20.0, 40.0


def make_user(user_id: str = "u1", **given: Any) -> User:
    """Make an active user whose email address follows from the id."""
    values = {"email": f"{user_id.upper()}@Example.org", "email_key": f"{user_id}@example.org"}
    return User(**{"id": user_id, "password_hash": "hash", "created_at": NOW, **values, **given})


def make_session(session_id: str = "s1", user_id: str = "u1", **given: Any) -> Session:
    """Make a live session of that user."""
    values: dict[str, Any] = {
        "client_id": "api",
        "created_at": NOW,
        "auth_time": NOW,
        "last_used_at": NOW,
        "idle_expires_at": NOW + DAY,
        "expires_at": NOW + 3 * DAY,
        "nonce": "nonce",
        "ip": "192.0.2.7",
        "user_agent": "a browser",
    }
    return Session(id=session_id, user_id=user_id, **{**values, **given})


def make_event(event_id: str, **given: Any) -> AuditEvent:
    """Make an audit event with the current time."""
    return AuditEvent(**{"id": event_id, "at": NOW, "event": "log_in", **given})


def make_link(link_id: str, **given: Any) -> Link:
    """Make a link that counts."""
    values: dict[str, Any] = {"purpose": "invite", "created_at": NOW, "expires_at": NOW + DAY}
    return Link(**{"id": link_id, **values, **given})


def make_letter(letter_id: str, **given: Any) -> Letter:
    """Make a letter that is due."""
    values: dict[str, Any] = {"kind": "invite", "to": "ada@example.org", "created_at": NOW, "due_at": NOW}
    return Letter(**{"id": letter_id, **values, **given})


def make_token(token_id: str, user_id: str = "u1", **given: Any) -> PersonalToken:
    """Make a personal access token whose hash follows from the id."""
    values: dict[str, Any] = {"name": "backup", "token_hash": f"hash of {token_id}", "created_at": NOW}
    return PersonalToken(**{"id": token_id, "user_id": user_id, "expires_at": NOW + DAY, **values, **given})


def new_password(user_id: str = "u1", password_hash: str = "new", **given: Any) -> NewPassword:
    """Make a password for a user whose credentials never changed, which ends everything else of theirs."""
    values: dict[str, Any] = {"credentials_version": 0, "at": NOW, "reason": "password_changed"}
    event = make_event(secrets.token_hex(8), user_id=user_id, event="password_changed")
    return NewPassword(user_id, password_hash, **{**values, "event": event, **given})


async def note_device(store: Store, user_id: str, key: str, *, now: datetime = NOW) -> bool:
    """Log the user in on that device, adding the user if there is none, and return whether the device was new."""
    if await store.user_by_id(user_id) is None:
        await store.add_user(make_user(user_id))
    session = make_session(secrets.token_hex(8), user_id, created_at=now)
    added = await store.add_session(session, record=LoginRecord(make_event(secrets.token_hex(8)), key))
    assert added is not None
    return added.is_new_device


async def devices_of(store: Store, user_id: str, *keys: str) -> tuple[bool, set[str]]:
    """Whether any device of that user is known, and which of `keys` are."""
    found = await store.user_to_log_in(f"{user_id}@example.org", devices=keys)
    assert found is not None
    return found.has_devices, set(found.known_devices)


def make_signing_key(key_id: str, **given: Any) -> SigningKey:
    """Make a key pair, the first of its algorithm."""
    values: dict[str, Any] = {"algorithm": "EdDSA", "public": '{"kty":"OKP"}', "sealed": "sealed"}
    return SigningKey(**{"id": key_id, "created_at": NOW, "signs_from": NOW, **values, **given})


def make_instance(instance_id: str, **given: Any) -> Instance:
    """Make the record of a running process."""
    values: dict[str, Any] = {
        "host": "boot/4026531836",
        "pid": 4711,
        "name": "web-1",
        "issuer": "https://duet.example.com",
        "algorithm": "HS256",
        "secrets": "0123456789abcdef fedcba9876543210",
    }
    return Instance(**{"id": instance_id, "started_at": NOW, "seen_at": NOW, **values, **given})


def make_bucket(key: str = "bucket", **given: Any) -> Bucket:
    """Make a bucket: three hits are free, then waits of 5 seconds, 10 and so on up to 5 minutes, for a day."""
    values: dict[str, Any] = {
        "free": 3,
        "first_wait": timedelta(seconds=5),
        "longest_wait": timedelta(minutes=5),
        "window": DAY,
    }
    return Bucket(key, Limit(**{**values, **given}))


async def all_found(store: Store, query: str = "", *, limit: int = 100) -> list[str]:
    """The ids of the users that a search finds, read page by page."""
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await store.find_users(query, cursor=cursor, limit=limit)
        assert len(page.items) == limit if page.cursor else len(page.items) <= limit
        ids += [user.id for user in page.items]
        cursor = page.cursor
    return ids


async def all_events(store: Store, *, limit: int = 100, **which: str) -> list[AuditEvent]:
    """The audit log, read page by page."""
    events: list[AuditEvent] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await store.audit_events(cursor=cursor, limit=limit, **which)
        assert len(page.items) == limit if page.cursor else len(page.items) <= limit
        events += page.items
        cursor = page.cursor
    return events


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Store]:
    """Open a store for the length of the block."""
    store = open_store(database_url)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


async def session_of(store: Store, session_id: str = "s1") -> Session:
    """The session as the store has it."""
    found = await store.session_with_user(session_id)
    assert found is not None
    return found[0]


async def rotate(store: Store, session_id: str, rotation: Rotation) -> bool:
    """Rotate the session, whatever its state, and return whether the store allowed it."""
    judged = await store.judge_session(session_id, lambda found: rotation)
    return judged is not None and judged.is_rotated


async def until_back(call: Callable[[], Awaitable[object]], within: float = 60) -> float:
    """The seconds until `call` is answered again."""
    start = time.monotonic()
    while True:
        try:
            await call()
        except StoreUnavailable:
            assert time.monotonic() - start < within, "the store did not come back"
            await asyncio.sleep(0.02)
        else:
            took = time.monotonic() - start
            print(f"back after {took:.2f} s")  # noqa: T201 - a measurement, not a limit
            return took


async def refused_after(call: Callable[[], Awaitable[object]]) -> float:
    """The seconds until `call` was refused with `StoreUnavailable`."""
    start = time.monotonic()
    try:
        await call()
    except StoreUnavailable:
        took = time.monotonic() - start
        print(f"refused after {took:.2f} s")  # noqa: T201
        return took
    raise AssertionError("the store answered")


async def add_sessions(store: Store, *ids: str, user_id: str = "u1", **given: Any) -> None:
    """Stores the user and these sessions of theirs."""
    if await store.user_by_id(user_id) is None:
        await store.add_user(make_user(user_id))
    for session_id in ids:
        assert await store.add_session(make_session(session_id, user_id, **given))
