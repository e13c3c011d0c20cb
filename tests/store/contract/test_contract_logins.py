"""What a login reads and writes: each happens in one step, all of it or nothing."""

from __future__ import annotations

import asyncio

import pytest

from app.auth.ports import LoginRecord, Store
from tests.store.records import (
    DAY,
    MS,
    NOW,
    devices_of,
    make_bucket,
    make_event,
    make_session,
    make_user,
    note_device,
    session_of,
)


async def hits_left(store: Store, key: str, free: int = 5) -> int:
    """How many more hits the counter takes before it is blocked."""
    bucket = make_bucket(key=key, free=free)
    count = 0
    while await store.hit(bucket, now=NOW) is None:
        count += 1
    return count


async def test_the_user_is_found_by_address(store: Store) -> None:
    """Before the first login the user is found without any known devices."""
    user = make_user("u1")
    await store.add_user(user)
    found = await store.user_to_log_in("u1@example.org", devices=["d1"])
    assert found is not None
    assert (found.user, found.has_devices, found.known_devices) == (user, False, frozenset())
    assert await store.user_to_log_in("nobody@example.org", devices=["d1"]) is None
    assert await store.user_to_log_in("nobody@example.org", devices=[]) is None


async def test_a_device_is_new_once(store: Store) -> None:
    """A device is new once for each user."""
    assert await note_device(store, "u1", "d1")
    assert not await note_device(store, "u1", "d1", now=NOW + MS)
    assert await note_device(store, "u1", "d2")
    assert await note_device(store, "u2", "d1")
    assert await devices_of(store, "u1") == (True, set())


async def test_known_devices_are_found_among_others(store: Store) -> None:
    """Only the user's own devices are found, however many others there are."""
    for user_id, key in (("u1", "d1"), ("u1", "d2"), ("u2", "d3"), *(("u1", f"x{number}") for number in range(9))):
        await note_device(store, user_id, key)
    assert await devices_of(store, "u1", "d1", "d3", "", "d4", "d1") == (True, {"d1"})
    assert await devices_of(store, "u1", "d2", "d1") == (True, {"d1", "d2"})
    assert await devices_of(store, "u2", "d1", "d2") == (True, set())


async def test_a_device_is_forgotten_400_days_after_it_was_seen(store: Store) -> None:
    """Each time a device is seen, its 400 days begin anew."""
    for key in ("d1", "d2"):
        await note_device(store, "u1", key)
    await note_device(store, "u1", "d2", now=NOW + DAY)
    for session in await store.sessions_of("u1", now=NOW):
        await store.revoke_session(session.id, at=NOW + 400 * DAY, reason="logged_out")
    before = {"sessions_before": NOW, "audit_before": NOW}
    assert await store.purge(now=NOW + 400 * DAY, **before) == 0
    assert await store.purge(now=NOW + 400 * DAY + MS, **before) == 1
    assert await devices_of(store, "u1", "d1", "d2") == (True, {"d2"})


async def test_all_of_a_login_is_written(store: Store) -> None:
    """The session, the audit row, the device and the changes of the counters are all written."""
    await store.add_user(make_user("u1"))
    for key in ("account", "device", "address", "address", "other"):
        assert await store.hit(make_bucket(key=key, free=5), now=NOW) is None
    event = make_event("e1", user_id="u1", event="login")
    record = LoginRecord(event, "d1", wiped=("account", "device", "nothing"), taken_back=("address", "not there"))
    added = await store.add_session(make_session("s1"), record=record)
    assert added is not None
    assert added.is_new_device
    assert (await session_of(store, "s1")).user_id == "u1"
    assert (await store.audit_events()).items == [event]
    assert await devices_of(store, "u1", "d1") == (True, {"d1"})
    left = [await hits_left(store, key) for key in ("account", "device", "address", "other", "not there")]
    assert left == [5, 5, 4, 4, 5]


@pytest.mark.parametrize("why", ["password", "disabled", "gone"])
async def test_nothing_of_a_login_that_came_too_late_is_written(store: Store, why: str) -> None:
    """If the password was changed, or the account disabled or deleted meanwhile, nothing is written."""
    await store.add_users([make_user("u1"), make_user("u2", roles=("admin",))])
    if why == "disabled":
        await store.set_rights("u1", at=NOW, is_active=False)
    if why == "gone":
        await store.delete_user("u1", at=NOW)
    assert await store.hit(make_bucket(key="account", free=5), now=NOW) is None
    record = LoginRecord(make_event("e1"), "d1", wiped=("account",))
    version = 1 if why == "password" else 0
    assert await store.add_session(make_session("s1", credentials_version=version), record=record) is None
    assert await store.session_with_user("s1") is None
    assert (await store.audit_events()).items == []
    if why != "gone":
        assert await devices_of(store, "u1", "d1") == (False, set())
    assert await hits_left(store, "account") == 4


async def test_a_hit_on_all_counters_is_one_on_each(store: Store) -> None:
    """Each counter counts the hit as long as none of them is blocked."""
    buckets = [make_bucket(key=key, free=3) for key in ("one", "two", "three")]
    assert await store.hit_all(buckets, now=NOW) is None
    assert await store.hit_all([], now=NOW) is None
    assert [await hits_left(store, bucket.key, free=3) for bucket in buckets] == [2, 2, 2]


@pytest.mark.parametrize("first", ["one", "two", "three"])
async def test_where_one_is_blocked_none_is_counted(store: Store, first: str) -> None:
    """No counter counts the hit, and the first blocked one is named."""
    buckets = [make_bucket(key=key, free=3) for key in ("one", "two", "three")]
    for bucket in buckets[buckets.index(make_bucket(key=first, free=3)) :]:
        assert await hits_left(store, bucket.key, free=3) == 3
    blocked = await store.hit_all(buckets, now=NOW)
    assert blocked is not None
    assert blocked.key == first
    assert blocked.until == await store.hit(make_bucket(key=first, free=3), now=NOW)
    for bucket in buckets[: buckets.index(make_bucket(key=first, free=3))]:
        assert await hits_left(store, bucket.key, free=3) == 3


async def test_hits_on_all_at_once_are_as_many_as_are_free(store: Store) -> None:
    """As many callers get through as the narrowest counter allows, and the wider counter has no hits of the
    others."""
    narrow, wide = make_bucket(key="narrow", free=10), make_bucket(key="wide", free=100)
    outcomes = await asyncio.gather(*(store.hit_all([wide, narrow], now=NOW) for _ in range(30)))
    assert [blocked.key for blocked in outcomes if blocked is not None] == ["narrow"] * 20
    assert await hits_left(store, "wide", free=100) == 90


async def test_s39_an_account_knows_no_more_devices_than_its_limit(store: Store) -> None:
    """One more makes it forget the one that was seen the longest ago, and nobody else's."""
    await store.add_user(make_user())
    await note_device(store, "u2", "other")
    for number, key in enumerate(["d0", "d1", "d2", "d0", "d3"]):
        now = NOW + number * MS
        record = LoginRecord(make_event(f"e{number}"), key, devices=3)
        assert await store.add_session(make_session(f"s{number}", created_at=now), record=record)
    assert await devices_of(store, "u1", "d0", "d1", "d2", "d3") == (True, {"d0", "d2", "d3"})
    assert await devices_of(store, "u2", "other") == (True, {"other"})
