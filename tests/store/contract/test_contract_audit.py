"""What every store guarantees for the audit log and for the removal of what is old."""

from __future__ import annotations

import pytest

from app.auth.models import AuditEvent
from app.auth.ports import Store
from tests.store.records import (
    DAY,
    MS,
    NOW,
    add_sessions,
    all_events,
    make_event,
    make_link,
    note_device,
)


async def test_an_event_comes_back_as_stored(store: Store) -> None:
    """Every field survives."""
    event = AuditEvent(
        id="e1", at=NOW, event="role_changed", user_id="u1", session_id="s1", ip="192.0.2.7", user_agent="x",
        detail="why", actor_id="u2",
    )  # fmt: skip
    await store.add_audit_event(event)
    assert (await store.audit_events()).items == [event]


async def test_audit_events_come_newest_first(store: Store) -> None:
    """Events are ordered by time, and within a millisecond by id, which counts up, in whatever order they
    arrived."""
    events = [make_event(f"e{number}", at=NOW + (number // 3) * MS) for number in range(9)]
    for number in (4, 0, 8, 3, 1, 7, 5, 2, 6):
        await store.add_audit_event(events[number])
    assert await all_events(store) == events[::-1]
    page = await store.audit_events(limit=4)
    assert page.items == events[:4:-1]
    assert (await store.audit_events(limit=4, cursor=page.cursor or "")).items == events[4:0:-1]


async def test_audit_events_are_chosen_by_user_and_kind(store: Store) -> None:
    """The filters are user, kind or both, and pages give the same as one call; an event's actor is not the user it
    concerns."""
    kinds, users = ("log_in", "log_out", "refused"), ("", "u1", "u2")
    events = [
        make_event(f"e{number:02}", at=NOW + (number // 4) * MS, event=kinds[number % 3],
                   user_id=users[number // 3 % 3], actor_id="u1")
        for number in range(40)
    ]  # fmt: skip
    for event in events:
        await store.add_audit_event(event)
    for user_id in users:
        for kind in ("", *kinds):
            wanted = [
                event
                for event in reversed(events)
                if event.user_id == (user_id or event.user_id) and event.event == (kind or event.event)
            ]
            assert wanted
            for limit in (1, 3, len(wanted), 100):
                assert await all_events(store, user_id=user_id, event=kind, limit=limit) == wanted
    assert await all_events(store, user_id="nobody") == []
    assert await all_events(store, event="nothing") == []


async def test_events_that_come_between_two_pages_move_nothing(store: Store) -> None:
    """The next page continues where the last one ended."""
    for number in range(4):
        await store.add_audit_event(make_event(f"e{number}"))
    page = await store.audit_events(limit=2)
    await store.add_audit_event(make_event("e9"))
    following = await store.audit_events(limit=2, cursor=page.cursor or "")
    assert [event.id for event in (*page.items, *following.items)] == ["e3", "e2", "e1", "e0"]
    assert following.cursor is None


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_lists_nothing(store: Store, limit: int) -> None:
    """A limit below one never means 'all of them' by accident."""
    await store.add_audit_event(make_event("e1"))
    page = await store.audit_events(limit=limit)
    assert (page.items, page.cursor) == ([], None)


# upkeep


async def test_purging_removes_what_is_old(store: Store) -> None:
    """Sessions that ended before the instant, in any way, and older audit events go; everything else stays."""
    await add_sessions(store, "live", "revoked", "revoked later")
    await add_sessions(store, "expired", expires_at=NOW - MS)
    await add_sessions(store, "idle", idle_expires_at=NOW - MS)
    await add_sessions(store, "expires now", expires_at=NOW)
    await store.revoke_session("revoked", at=NOW - MS, reason="logged_out")
    await store.revoke_session("revoked later", at=NOW, reason="logged_out")
    for number in range(3):
        await store.add_audit_event(make_event(f"e{number}", at=NOW + (number - 1) * MS))
    assert await store.purge(now=NOW, sessions_before=NOW, audit_before=NOW) == 4
    for session_id in ("expired", "idle", "revoked"):
        assert await store.session_with_user(session_id) is None
    for session_id in ("live", "revoked later", "expires now"):
        assert await store.session_with_user(session_id) is not None
    assert [event.id for event in await all_events(store)] == ["e2", "e1"]
    assert await store.purge(now=NOW, sessions_before=NOW, audit_before=NOW) == 0


async def test_purging_removes_links_that_ran_out(store: Store) -> None:
    """A link that expires at this very instant is removed by the next purge."""
    for link_id, expires in (("l1", NOW - MS), ("l2", NOW), ("l3", NOW + DAY)):
        await store.add_link(make_link(link_id, expires_at=expires))
    assert await store.purge(now=NOW, sessions_before=NOW, audit_before=NOW) == 1
    assert await store.link("l2", now=NOW - MS) is not None


async def test_purging_goes_on_after_one_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call removes more rows than one of its steps."""
    for module in ("app.store.sqlite.upkeep", "app.store.mongo.upkeep"):
        monkeypatch.setattr(f"{module}.PURGE_BATCH", 2)
    for number in range(5):
        await store.add_audit_event(make_event(f"e{number}", at=NOW - DAY))
        await store.add_link(make_link(f"l{number}", expires_at=NOW - DAY))
        await note_device(store, "u1", f"d{number}", now=NOW - 401 * DAY)
    assert await store.purge(now=NOW, sessions_before=NOW, audit_before=NOW) == 15


async def test_purging_takes_sessions_of_deleted_users(store: Store) -> None:
    """The rows that a deletion left behind are removed when they are old."""
    await add_sessions(store, "s1", "s2")
    await store.delete_user("u1", at=NOW)
    assert await store.purge(now=NOW, sessions_before=NOW + MS, audit_before=NOW) == 2
    assert await store.revoked_since(NOW - DAY) == []
