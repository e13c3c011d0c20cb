"""What every store guarantees when the last admin could be lost, and when a user is deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.auth.errors import LastAdmin
from app.auth.models import Revocation
from app.auth.ports import Store
from tests.store.records import (
    DAY,
    MS,
    NOW,
    add_sessions,
    all_events,
    devices_of,
    make_event,
    make_letter,
    make_link,
    make_token,
    make_user,
    note_device,
    session_of,
)

Act = Callable[[Store, str], Awaitable[object]]

#: Every way to lose an admin.
ACTS: dict[str, Act] = {
    "demote": lambda store, user_id: store.set_rights(user_id, at=NOW, roles=["editor"]),
    "disable": lambda store, user_id: store.set_rights(user_id, at=NOW, is_active=False),
    "both": lambda store, user_id: store.set_rights(user_id, at=NOW, roles=[], is_active=False),
    "demote by force": lambda store, user_id: store.set_rights(user_id, at=NOW, roles=[], is_active=True),
    "delete": lambda store, user_id: store.delete_user(user_id, at=NOW),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
async def test_the_last_active_admin_stays(store: Store, act: Act) -> None:
    """The last admin keeps role, activity, account and everything else; with a second admin each may go."""
    admin = make_user("a", roles=("editor", "admin"))
    await store.add_users(
        [admin, make_user("off", roles=("admin",), is_active=False), make_user("u", roles=("x",))]
    )
    await add_sessions(store, "s1", user_id="a")
    await store.add_link(make_link("l", user_id="a"))
    with pytest.raises(LastAdmin):
        await act(store, "a")
    assert await store.session_with_user("s1") == (await session_of(store), admin)
    assert (await session_of(store)).revoked_at is None
    assert await store.link("l", now=NOW) is not None
    await store.add_user(make_user("b", roles=("admin",)))
    assert await act(store, "a")
    assert await store.has_admin()


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
async def test_whoever_is_no_active_admin_may_go(store: Store, act: Act) -> None:
    """This holds even without any admin, because the rule only protects the last one."""
    nearly = ("administrator", "Admin", 'x"admin"', '"admin', "admin ")
    await store.add_user(make_user("u", roles=nearly))
    await store.add_user(make_user("off", roles=("admin",), is_active=False))
    assert not await store.has_admin()
    assert await act(store, "u")
    assert await act(store, "off")


async def test_an_admin_may_keep_what_they_are(store: Store) -> None:
    """A change that leaves the last admin active and an admin is allowed."""
    admin = make_user("a", roles=("admin",))
    await store.add_user(admin)
    changed = await store.set_rights("a", at=NOW, roles=["x", "admin"], is_active=True)
    assert changed == replace(admin, roles=("x", "admin"), rights_version=2, rights_changed_at=NOW)
    assert await store.has_admin()


async def test_whether_there_is_an_admin_follows_every_change(store: Store) -> None:
    """The answer follows roles and activity, for users who were added one by one or together."""
    assert not await store.has_admin()
    await store.add_users([make_user("u1"), make_user("u2", roles=("x",), is_active=False)])
    assert not await store.has_admin()
    await store.set_rights("u2", at=NOW, roles=["x", "admin"])
    assert not await store.has_admin()
    await store.set_rights("u2", at=NOW, is_active=True)
    assert await store.has_admin()
    await store.add_user(make_user("u3", roles=("admin",)))
    assert await store.delete_user("u2", at=NOW)
    assert await store.has_admin()


async def test_deleting_a_user_ends_the_sessions(store: Store) -> None:
    """The user is gone, the sessions are revoked and have no personal data, and an earlier reason stays."""
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
    # The email address is free again; a user with the old id makes the blanked rows visible.
    await store.add_user(make_user("u1"))
    for session_id in ("s1", "s2"):
        session = await session_of(store, session_id)
        assert (session.ip, session.user_agent) == ("", "")


async def test_deleting_a_user_leaves_nothing_of_theirs(store: Store) -> None:
    """The user's links, letters, tokens and devices are gone, and those of others stay."""
    for user_id in ("u1", "u2"):
        await store.add_user(make_user(user_id))
        await store.add_link(make_link(f"link {user_id}", user_id=user_id))
        await store.add_letter(make_letter(f"letter {user_id}", user_id=user_id))
        await store.add_token(make_token(f"token {user_id}", user_id), limit=1)
        await note_device(store, user_id, "device")
    assert await store.delete_user("u1", at=NOW)
    await store.add_user(make_user("u1"))
    assert await store.link("link u1", now=NOW) is None
    assert await store.tokens_of("u1") == []
    assert await devices_of(store, "u1") == (False, set())
    letter = await store.claim_letter(now=NOW, until=NOW + DAY)
    assert letter is not None
    assert letter.user_id == "u2"
    assert await store.claim_letter(now=NOW, until=NOW + DAY) is None
    assert await store.link("link u2", now=NOW) is not None
    assert await store.tokens_of("u2") == [make_token("token u2", "u2")]
    assert await devices_of(store, "u2", "device") == (True, {"device"})


async def test_deleting_a_user_blanks_the_audit_log(store: Store) -> None:
    """Rows about the user and rows of the user's acts lose IP address and user agent and keep the rest."""
    about = make_event("e1", user_id="u1", actor_id="u2", ip="192.0.2.1", user_agent="x", detail="why")
    by = make_event("e2", user_id="u2", actor_id="u1", ip="192.0.2.1", user_agent="x", session_id="s")
    others = make_event("e3", user_id="u2", ip="192.0.2.1", user_agent="x")
    nobodys = make_event("e4", ip="192.0.2.1", user_agent="x")
    await store.add_users([make_user("u1"), make_user("u2")])
    for event in (about, by, others, nobodys):
        await store.add_audit_event(event)
    assert await store.delete_user("u1", at=NOW)
    assert await all_events(store) == [
        nobodys,
        others,
        replace(by, ip="", user_agent=""),
        replace(about, ip="", user_agent=""),
    ]


async def test_deleting_nobody_is_told(store: Store) -> None:
    """A second deletion, or one of an unknown id, gives False and leaves rows without a user alone."""
    nobodys = make_event("e4", ip="192.0.2.1", user_agent="x")
    await store.add_audit_event(nobodys)
    await store.add_link(make_link("invite"))
    await store.add_user(make_user())
    assert await store.delete_user("u1", at=NOW)
    assert not await store.delete_user("u1", at=NOW)
    assert not await store.delete_user("", at=NOW)
    assert await all_events(store) == [nobodys]
    assert await store.link("invite", now=NOW) is not None
