"""What every store keeps to: opening, users, the audit log, and what other processes did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest

from app.auth.errors import StoreUnavailable
from app.auth.models import Revocation, RightsChange
from app.auth.ports import Store
from app.auth.refusals import EmailTaken
from app.store import open_store
from tests.store.records import (
    DAY,
    MS,
    NOW,
    add_sessions,
    make_event,
    make_user,
    opened,
    session_of,
)

# opening and closing


async def test_a_store_that_is_not_open_is_unavailable(database_url: str) -> None:
    """Calls before `open` and after `close` are refused, and closing is always safe."""
    store = open_store(database_url)
    with pytest.raises(StoreUnavailable):
        await store.user_by_id("u1")
    await store.close()
    await store.open()
    await store.ping()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.ping()


async def test_what_is_stored_outlives_the_store(database_url: str) -> None:
    """A store that is opened again, itself or anew, finds what was there."""
    store = open_store(database_url)
    await store.open()
    await store.add_user(make_user())
    await store.close()
    await store.open()
    assert await store.user_by_id("u1") == make_user()
    await store.close()
    async with opened(database_url) as another:
        assert await another.user_by_id("u1") == make_user()


async def test_opening_twice_is_safe(store: Store) -> None:
    """`open` on an open store changes nothing."""
    await store.add_user(make_user())
    await store.open()
    assert await store.user_by_id("u1") == make_user()


# users


async def test_a_user_comes_back_as_stored(store: Store) -> None:
    """Every field survives, roles in their order and instants to the millisecond."""
    user = make_user(
        name="Ada 'Countess' Löve\u2764", roles=("b", "a"), is_active=False, is_email_verified=True,
        rights_version=7, rights_changed_at=NOW + MS,
    )  # fmt: skip
    await store.add_user(user)
    assert await store.user_by_id("u1") == user
    assert await store.user_by_email("u1@example.org") == user
    assert (await store.user_by_id("u1") or user).created_at.tzinfo is UTC


async def test_unknown_users_are_none(store: Store) -> None:
    """A look-up of what is not there gives None, and of a key in another spelling too."""
    await store.add_user(make_user())
    assert await store.user_by_id("u2") is None
    assert await store.user_by_id("") is None
    assert await store.user_by_email("U1@Example.org") is None


async def test_an_address_is_taken_once(store: Store) -> None:
    """A second user of the same normal form is refused, and leaves no trace."""
    await store.add_user(make_user("u1"))
    with pytest.raises(EmailTaken):
        await store.add_user(make_user("u2", email_key="u1@example.org"))
    assert await store.user_by_id("u2") is None
    await store.add_user(make_user("u2"))


async def test_an_id_used_twice_is_a_mistake_and_no_outage(store: Store) -> None:
    """A repeated id is a ValueError, and the store goes on."""
    await store.add_user(make_user("u1"))
    with pytest.raises(ValueError):
        await store.add_user(make_user("u1", email_key="other@example.org"))
    await store.ping()


async def test_users_are_listed_by_address(store: Store) -> None:
    """Pages follow one another by `email_key`, bytewise, without a gap or a repeat."""
    keys = ["a@x", "b@x", "B@x", "ä@x", "z@x"]
    for number, key in enumerate(keys):
        await store.add_user(make_user(f"u{number}", email_key=key))
    in_order = sorted(keys, key=str.encode)
    assert [user.email_key for user in await store.list_users()] == in_order
    first = await store.list_users(limit=2)
    rest = await store.list_users(after=first[-1].email_key, limit=10)
    assert [user.email_key for user in first + rest] == in_order
    assert await store.list_users(after="ä@x") == []


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_lists_nothing(store: Store, limit: int) -> None:
    """No limit means 'all of them' by accident."""
    await store.add_user(make_user())
    await store.add_audit_event(make_event("e1"))
    assert await store.list_users(limit=limit) == []
    assert await store.audit_events(limit=limit) == []


async def test_a_name_is_set(store: Store) -> None:
    """The changed user comes back; nothing else changed; nobody gives None."""
    await store.add_user(make_user())
    assert await store.set_name("u1", "Ada") == make_user(name="Ada")
    assert await store.user_by_id("u1") == make_user(name="Ada")
    assert await store.set_name("u2", "Ada") is None


async def test_a_password_hash_is_replaced_only_if_it_is_the_expected_one(store: Store) -> None:
    """The second of two changes from the same hash is refused."""
    await store.add_user(make_user())
    assert await store.set_password_hash("u1", "new", expected="hash")
    assert not await store.set_password_hash("u1", "newer", expected="hash")
    assert not await store.set_password_hash("u2", "new", expected="hash")
    assert await store.user_by_id("u1") == make_user(password_hash="new")


async def test_setting_the_same_hash_again_counts_as_done(store: Store) -> None:
    """A replacement by an equal value was still a replacement."""
    await store.add_user(make_user())
    assert await store.set_password_hash("u1", "hash", expected="hash")


async def test_rights_are_set_and_counted(store: Store) -> None:
    """What is None stays, and every call counts the version up."""
    user = make_user(roles=("editor",))
    await store.add_user(user)
    off = await store.set_rights("u1", at=NOW, is_active=False)
    assert off == replace(user, is_active=False, rights_version=2, rights_changed_at=NOW)
    roles = await store.set_rights("u1", at=NOW + MS, roles=["admin", "editor"])
    assert roles is not None
    assert (roles.roles, roles.is_active, roles.rights_version) == (("admin", "editor"), False, 3)
    none = await store.set_rights("u1", at=NOW + 2 * MS, roles=[], is_active=True)
    assert none is not None
    assert (none.roles, none.is_active, none.rights_changed_at) == ((), True, NOW + 2 * MS)
    assert await store.user_by_id("u1") == none
    assert await store.set_rights("u2", at=NOW, roles=[]) is None


async def test_deleting_a_user_ends_the_sessions(store: Store) -> None:
    """The user is gone, the sessions are revoked and bare of personal data, an earlier reason stays."""
    await add_sessions(store, "s1", "s2")
    await add_sessions(store, "other", user_id="u2")
    await store.revoke_session("s2", at=NOW, reason="logged_out")
    assert await store.delete_user("u1", at=NOW + MS)
    assert await store.user_by_id("u1") is None
    assert await store.user_by_email("u1@example.org") is None
    assert await store.session_with_user("s1") is None
    assert await store.sessions_of("u1", now=NOW) == []
    assert await store.revoked_since(NOW) == [
        Revocation("s2", NOW, "logged_out"),
        Revocation("s1", NOW + MS, "account_deleted"),
    ]
    assert (await session_of(store, "other")).ip == "192.0.2.7"
    # The address is free again; under the old id the blanked rows can be seen.
    await store.add_user(make_user("u1"))
    for session_id in ("s1", "s2"):
        session = await session_of(store, session_id)
        assert (session.ip, session.user_agent) == ("", "")


async def test_deleting_nobody_is_told(store: Store) -> None:
    """A second deletion, or one of an unknown id, gives False."""
    await store.add_user(make_user())
    assert await store.delete_user("u1", at=NOW)
    assert not await store.delete_user("u1", at=NOW)


# what other processes did


async def test_revocations_are_told_from_an_instant_on(store: Store) -> None:
    """The instant itself is included, to the millisecond."""
    await add_sessions(store, "s1", "s2", "s3")
    for number, session_id in enumerate(("s1", "s2")):
        await store.revoke_session(session_id, at=NOW + number * MS, reason="logged_out")
    assert len(await store.revoked_since(NOW)) == 2
    assert await store.revoked_since(NOW + MS) == [Revocation("s2", NOW + MS, "logged_out")]
    assert await store.revoked_since(NOW + 2 * MS) == []


async def test_changes_of_rights_are_told_from_an_instant_on(store: Store) -> None:
    """The instant itself is included; users whose rights never changed are not."""
    await store.add_user(make_user("u1"))
    await store.add_user(make_user("u2"))
    await store.set_rights("u1", at=NOW, is_active=False)
    assert await store.rights_changed_since(NOW) == [RightsChange("u1", 2, NOW)]
    assert await store.rights_changed_since(NOW + MS) == []
    await store.set_rights("u1", at=NOW + MS, is_active=True)
    assert await store.rights_changed_since(NOW + MS) == [RightsChange("u1", 3, NOW + MS)]


# audit and upkeep


async def test_audit_events_come_newest_first(store: Store) -> None:
    """By time, and within a millisecond the last added first; of one user or of all."""
    first = make_event("e1", user_id="u1", session_id="s1", ip="192.0.2.7", user_agent="x", detail="why")
    second, third = make_event("e0", user_id="u2"), make_event("e2", user_id="u1")
    old = make_event("e3", at=NOW - MS, user_id="u1")
    for event in (first, second, third, old):
        await store.add_audit_event(event)
    assert await store.audit_events() == [third, second, first, old]
    assert await store.audit_events(limit=2) == [third, second]
    assert await store.audit_events(user_id="u1") == [third, first, old]
    assert await store.audit_events(user_id="u1", limit=1) == [third]
    assert await store.audit_events(user_id="nobody") == []


async def test_purging_removes_what_is_old(store: Store) -> None:
    """Sessions that ended before the instant, in any way, and older audit events; the rest stays."""
    await add_sessions(store, "live", "revoked", "revoked later")
    await add_sessions(store, "expired", expires_at=NOW - MS)
    await add_sessions(store, "idle", idle_expires_at=NOW - MS)
    await add_sessions(store, "expires now", expires_at=NOW)
    await store.revoke_session("revoked", at=NOW - MS, reason="logged_out")
    await store.revoke_session("revoked later", at=NOW, reason="logged_out")
    for number in range(3):
        await store.add_audit_event(make_event(f"e{number}", at=NOW + (number - 1) * MS))
    assert await store.purge(sessions_before=NOW, audit_before=NOW) == 4
    for session_id in ("expired", "idle", "revoked"):
        assert await store.session_with_user(session_id) is None
    for session_id in ("live", "revoked later", "expires now"):
        assert await store.session_with_user(session_id) is not None
    assert [event.id for event in await store.audit_events()] == ["e2", "e1"]
    assert await store.purge(sessions_before=NOW, audit_before=NOW) == 0


async def test_purging_goes_on_after_one_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call removes more rows than one of its steps does."""
    for module in ("app.store.sqlite", "app.store.mongo_audit"):
        monkeypatch.setattr(f"{module}.PURGE_BATCH", 2)
    for number in range(5):
        await store.add_audit_event(make_event(f"e{number}", at=NOW - DAY))
    assert await store.purge(sessions_before=NOW, audit_before=NOW) == 5


async def test_purging_takes_sessions_of_deleted_users(store: Store) -> None:
    """The rows that a deletion left behind go when they are old."""
    await add_sessions(store, "s1", "s2")
    await store.delete_user("u1", at=NOW)
    assert await store.purge(sessions_before=NOW + MS, audit_before=NOW) == 2
    assert await store.revoked_since(NOW - DAY) == []
