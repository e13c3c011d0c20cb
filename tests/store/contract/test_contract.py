"""What every store guarantees: opening, users, and news of what other processes did."""

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
    MS,
    NOW,
    add_sessions,
    all_found,
    make_user,
    new_password,
    opened,
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
    """A store that is opened again, as the same object or a new one, finds what was stored."""
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
        rights_version=7, rights_changed_at=NOW + MS, password_changed_at=NOW - MS,
    )  # fmt: skip
    await store.add_user(user)
    assert await store.user_by_id("u1") == user
    assert await store.user_by_email("u1@example.org") == user
    assert (await store.user_by_id("u1") or user).created_at.tzinfo is UTC


async def test_unknown_users_are_none(store: Store) -> None:
    """A look-up of something that is not there gives None, and so does a key in another spelling."""
    await store.add_user(make_user())
    assert await store.user_by_id("u2") is None
    assert await store.user_by_id("") is None
    assert await store.user_by_email("U1@Example.org") is None


async def test_an_address_is_taken_once(store: Store) -> None:
    """A second user with the same normal form of email address is refused, and leaves no trace."""
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


async def test_a_name_is_set(store: Store) -> None:
    """The changed user is returned and nothing else changes; an unknown user gives None."""
    await store.add_user(make_user())
    assert await store.set_name("u1", "Ada") == make_user(name="Ada")
    assert await store.user_by_id("u1") == make_user(name="Ada")
    assert await store.set_name("u2", "Ada") is None


async def test_many_users_are_added_at_once(store: Store) -> None:
    """A user whose email address is taken, in the store or within the call, is reported; all others are stored."""
    await store.add_user(make_user("u1"))
    users = [make_user(f"u{number}", name="Ada", roles=("editor",)) for number in range(2, 1200)]
    taken = make_user("x1", email_key="u1@example.org")
    again = make_user("x2", email_key="u7@example.org")
    assert await store.add_users([taken, *users, again]) == ["u1@example.org", "u7@example.org"]
    assert await store.user_by_id("u1199") == users[-1]
    assert await store.user_by_id("u7") == make_user("u7", name="Ada", roles=("editor",))
    assert await store.user_by_id("x1") is None
    assert len(await all_found(store, "ada", limit=500)) == 1198
    assert await store.add_users([]) == []


async def test_many_users_with_an_id_in_use_are_a_mistake_and_no_outage(store: Store) -> None:
    """A repeated id is a ValueError, whatever else the call held."""
    await store.add_user(make_user("u1"))
    with pytest.raises(ValueError):
        await store.add_users([make_user("u2"), make_user("u1", email_key="other@example.org")])
    assert await store.user_by_id("u1") == make_user()


async def test_whether_there_is_anybody_is_told(store: Store) -> None:
    """The store tells that there is no account before the first one, and that there is one after it."""
    assert not await store.has_users()
    await store.add_user(make_user())
    assert await store.has_users()


async def test_an_address_is_replaced_if_it_is_the_expected_one(store: Store) -> None:
    """The new email address counts as confirmed and is found, and the old one is free; a wrong expectation changes
    nothing."""
    await store.add_user(make_user())
    changed = make_user(email="New@x", email_key="new@x", is_email_verified=True)
    assert await store.set_email("u1", "New@x", "new@x", expected_key="u1@example.org") == changed
    assert await store.user_by_email("new@x") == changed
    assert await store.user_by_email("u1@example.org") is None
    assert await store.set_email("u1", "Newer@x", "newer@x", expected_key="u1@example.org") is None
    assert await store.set_email("u2", "Newer@x", "newer@x", expected_key="new@x") is None
    assert await store.user_by_id("u1") == changed
    respelled = replace(changed, email="NEW@x")
    assert await store.set_email("u1", "NEW@x", "new@x", expected_key="new@x") == respelled


async def test_an_address_of_somebody_else_is_refused(store: Store) -> None:
    """A taken email address raises EmailTaken, and nothing changes."""
    await store.add_users([make_user("u1"), make_user("u2")])
    with pytest.raises(EmailTaken):
        await store.set_email("u1", "U2@Example.org", "u2@example.org", expected_key="u1@example.org")
    assert await store.user_by_id("u1") == make_user("u1")
    assert await store.user_by_email("u2@example.org") == make_user("u2")
    # A caller whose own change would have failed anyway does not learn that an email address is taken.
    assert await store.set_email("u1", "U2@x", "u2@example.org", expected_key="other@example.org") is None


async def test_an_address_is_verified_if_it_still_is_that_one(store: Store) -> None:
    """A confirmation of an email address that was replaced meanwhile confirms nothing."""
    await store.add_user(make_user())
    assert await store.set_email_verified("u1", email_key="old@example.org") is None
    assert await store.user_by_id("u1") == make_user()
    verified = make_user(is_email_verified=True)
    assert await store.set_email_verified("u1", email_key="u1@example.org") == verified
    assert await store.set_email_verified("u1", email_key="u1@example.org") == verified
    assert await store.set_email_verified("u2", email_key="u2@example.org") is None


async def test_a_password_hash_is_replaced_only_if_it_is_the_expected_one(store: Store) -> None:
    """The second of two changes from the same credentials is refused."""
    await store.add_user(make_user())
    assert await store.replace_password(new_password("u1", "new", keep="s1"))
    assert not await store.replace_password(new_password("u1", "newer", keep="s1"))
    assert not await store.replace_password(new_password("u2", "new", keep="s1"))
    assert not await store.upgrade_password_hash("u1", "better", credentials_version=0)
    changed = make_user(password_hash="new", password_changed_at=NOW, credentials_version=1)
    assert await store.user_by_id("u1") == changed


async def test_when_a_password_was_changed_is_noted_where_it_was(store: Store) -> None:
    """A better hash of the same password, or a refused change, alters neither that time nor what the password
    proved."""
    await store.add_user(make_user())
    assert await store.replace_password(new_password("u1", "new", at=NOW + MS, keep="s1"))
    assert not await store.replace_password(new_password("u1", "x", at=NOW + 5 * MS, keep="s1"))
    assert await store.upgrade_password_hash("u1", "better", credentials_version=1)
    better = make_user(password_hash="better", password_changed_at=NOW + MS, credentials_version=1)
    assert await store.user_by_id("u1") == better
    assert await store.replace_password(new_password("u1", "newer", credentials_version=1, keep="s1"))
    newer = make_user(password_hash="newer", password_changed_at=NOW, credentials_version=2)
    assert await store.user_by_id("u1") == newer


async def test_setting_the_same_hash_again_counts_as_done(store: Store) -> None:
    """Replacing a hash by an equal value counts as a replacement."""
    await store.add_user(make_user())
    assert await store.upgrade_password_hash("u1", "hash", credentials_version=0)
    assert await store.replace_password(new_password("u1", "hash"))


async def test_rights_are_set_and_counted(store: Store) -> None:
    """A part given as None stays as it is, and every call raises the version by one."""
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


# what other processes did


async def test_revocations_are_told_from_an_instant_on(store: Store) -> None:
    """The given instant itself is included, to the millisecond."""
    await add_sessions(store, "s1", "s2", "s3")
    for number, session_id in enumerate(("s1", "s2")):
        await store.revoke_session(session_id, at=NOW + number * MS, reason="logged_out")
    assert len(await store.revoked_since(NOW)) == 2
    assert await store.revoked_since(NOW + MS) == [Revocation("s2", NOW + MS, "logged_out")]
    assert await store.revoked_since(NOW + 2 * MS) == []


async def test_of_many_revocations_and_changes_the_earliest_are_told(store: Store) -> None:
    """At most as many as asked for come, in the order of their instants, so that the next call can go on from
    there."""
    ids = [f"{number}" for number in range(120)]
    await store.add_users([make_user(id_) for id_ in ids])
    for id_ in ids:
        await add_sessions(store, id_, user_id=id_)
        await store.revoke_session(id_, at=NOW - int(id_) * MS, reason="logged_out")
        await store.set_rights(id_, at=NOW - int(id_) * MS, roles=["x"])
    begin = NOW - 110 * MS
    expected = ids[110:5:-1]
    assert [each.session_id for each in await store.revoked_since(begin, limit=105)] == expected
    assert [each.user_id for each in await store.rights_changed_since(begin, limit=105)] == expected
    assert len(await store.revoked_since(begin)) == len(await store.rights_changed_since(begin)) == 111


async def test_changes_of_rights_are_told_from_an_instant_on(store: Store) -> None:
    """The given instant itself is included, and users whose rights never changed are left out."""
    await store.add_user(make_user("u1"))
    await store.add_user(make_user("u2"))
    await store.set_rights("u1", at=NOW, is_active=False)
    assert await store.rights_changed_since(NOW) == [RightsChange("u1", 2, NOW)]
    assert await store.rights_changed_since(NOW + MS) == []
    await store.set_rights("u1", at=NOW + MS, is_active=True)
    assert await store.rights_changed_since(NOW + MS) == [RightsChange("u1", 3, NOW + MS)]
