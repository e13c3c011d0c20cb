"""What every store guarantees whatever values it is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest

from app.auth.ports import MailedLink, Rotation, Store
from tests.store.records import (
    NOW,
    add_sessions,
    make_event,
    make_instance,
    make_session,
    make_user,
    new_password,
    rotate,
    session_of,
)

HOSTILE = [
    "$password_hash",
    "$$ROOT",
    '{"$ne": null}',
    "a'; DROP TABLE users; --",
    "a\0b",
    "%",
    "_",
    "\u2028",
    ".",
]


async def test_strings_are_only_strings(store: Store) -> None:
    """Text that means something to a query language, or ends a C string, is kept and found unchanged."""
    await store.add_user(make_user("plain"))
    for value in HOSTILE:
        await assert_kept_as_it_is(store, value)
    assert await store.user_by_id("plain") == make_user("plain")


async def assert_kept_as_it_is(store: Store, value: str) -> None:
    """Put `value` wherever a string goes, and look it up."""
    user = make_user(value, email_key=value, name=value)
    await store.add_user(user)
    assert await store.user_by_id(value) == user
    assert await store.user_by_email(value) == user
    changed = await store.set_name(value, value)
    assert changed is not None
    assert changed.name == value
    roles = await store.set_rights(value, at=NOW, roles=[value])
    assert roles is not None
    assert roles.roles == (value,)
    assert await store.add_session(make_session(value, value, nonce=value))
    assert (await session_of(store, value)).nonce == value


OPERATORS: list[object] = [{"$ne": None}, {"$gt": ""}, ["u1"], None, 1, b"u1", True]


async def test_what_is_no_string_is_a_mistake_and_no_operator(store: Store) -> None:
    """A dict from a caller's JSON raises TypeError everywhere, finds nothing, and is no outage."""
    await add_sessions(store, "s1")
    for value in OPERATORS:
        await assert_refused_everywhere(store, value)
    assert await store.session_with_user("s1") == (make_session(), make_user())


async def assert_refused_everywhere(store: Store, value: object) -> None:
    """Put `value` wherever a string is looked up or kept."""
    wrong = cast(str, value)
    calls = (
        lambda: store.user_by_id(wrong),
        lambda: store.user_by_email(wrong),
        lambda: store.find_users(wrong),
        lambda: store.find_users(cursor=wrong),
        lambda: store.set_name(wrong, "x"),
        lambda: store.set_name("u1", wrong),
        lambda: store.upgrade_password_hash("u1", wrong, credentials_version=0),
        lambda: store.replace_password(new_password(wrong)),
        lambda: store.replace_password(new_password("u1", wrong)),
        lambda: store.replace_password(new_password(link=MailedLink(wrong, "x"))),
        lambda: store.set_rights("u1", at=NOW, roles=[wrong]),
        lambda: store.delete_user(wrong, at=NOW),
        lambda: store.add_session(make_session("s2", credentials_version=cast(int, "0"))),
        lambda: store.session_with_user(wrong),
        lambda: store.touch_session(wrong, now=NOW, idle_expires_at=NOW),
        lambda: store.revoke_session(wrong, at=NOW, reason="x"),
        lambda: store.revoke_user_sessions(wrong, at=NOW, reason="x"),
        lambda: store.sessions_of(wrong, now=NOW),
        lambda: store.judge_session(wrong, lambda found: None),
        lambda: rotate(store, "s1", Rotation(cast(int, value if value != 1 else "1"), NOW, NOW)),
        lambda: store.set_sealed(wrong, "x", expected="x"),
        lambda: store.set_sealed("k1", wrong, expected="x"),
        lambda: store.set_sealed("k1", "x", expected=wrong),
        lambda: store.retire_signing_key(wrong, at=NOW),
        lambda: store.remove_signing_key(wrong),
        lambda: store.withdraw(wrong),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError):
            await call()


async def test_a_lone_surrogate_finds_nobody(store: Store) -> None:
    """JSON can carry one and no database keeps it; it is not found, or is spelled out, and is no error."""
    await store.add_user(make_user())
    assert await store.user_by_email("\ud800@example.org") is None
    assert await store.session_with_user("\udfff") is None
    await store.add_audit_event(make_event("e1", detail="\ud800"))
    assert (await store.audit_events()).items[0].detail == "\\ud800"


async def test_a_naive_instant_is_a_mistake(store: Store) -> None:
    """An instant without a time zone is refused and not taken for UTC."""
    naive = NOW.replace(tzinfo=None)
    for call in (
        lambda: store.add_user(make_user(created_at=naive)),
        lambda: store.revoked_since(naive),
        lambda: store.set_auth_time("s1", now=naive),
        lambda: store.replace_password(new_password(at=naive)),
        lambda: store.retire_signing_key("k1", at=naive),
        lambda: store.announce(make_instance("i1", seen_at=naive)),
    ):
        with pytest.raises(TypeError):
            await call()


async def test_instants_of_other_zones_and_finer_ones_are_the_same_millisecond(store: Store) -> None:
    """Instants come back in UTC and in whole milliseconds, cut and not rounded, even before 1970."""
    zone = timezone(timedelta(hours=5, minutes=45))
    await store.add_user(make_user("u1", created_at=NOW.astimezone(zone) + timedelta(microseconds=999)))
    await store.add_user(make_user("u2", created_at=datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)))
    users = (await store.find_users()).items
    assert [user.created_at for user in users] == [NOW, datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)]
    assert users[0].created_at.tzinfo is UTC
