"""What every store guarantees for sessions."""

from __future__ import annotations

import asyncio
from datetime import UTC
from functools import partial
from typing import Any

import pytest

from app.auth.errors import InvalidGrant
from app.auth.models import SessionOfUser
from app.auth.ports import Rotation, Store
from tests.store.records import (
    DAY,
    MINUTE,
    MS,
    NOW,
    add_sessions,
    make_session,
    make_user,
    rotate,
    session_of,
)


async def test_a_session_comes_back_as_stored(store: Store) -> None:
    """Every field survives, and the user is returned with the session."""
    user = make_user()
    await store.add_user(user)
    session = make_session(
        auth_time=NOW - MS, last_used_at=NOW + MS, generation=3, rotated_at=NOW + 2 * MS, client_id="web",
        scope="read",
    )  # fmt: skip
    assert await store.add_session(session)
    assert await store.session_with_user("s1") == (session, user)
    assert await store.session_with_user("s2") is None
    assert (await session_of(store)).expires_at.tzinfo is UTC


async def test_a_session_needs_its_user_as_the_log_in_saw_them(store: Store) -> None:
    """After a change of the hash, or if the user is disabled or missing, nothing is stored."""
    await store.add_user(make_user("u1"))
    await store.add_user(make_user("off", is_active=False))
    assert not await store.add_session(make_session("a", "u1", credentials_version=1))
    assert not await store.add_session(make_session("b", "off"))
    assert not await store.add_session(make_session("c", "nobody"))
    await store.add_user(make_user("nobody"))
    for session_id in ("a", "b", "c"):
        assert await store.session_with_user(session_id) is None
    # The refused ids are free again.
    assert await store.add_session(make_session("a", "u1"))


async def test_a_session_id_used_twice_is_a_mistake(store: Store) -> None:
    """A repeated id is a ValueError, and the first session stays as it is."""
    await add_sessions(store, "s1")
    with pytest.raises(ValueError):
        await store.add_session(make_session("s1", nonce="other"))
    assert await session_of(store) == make_session("s1")


async def test_touching_pushes_the_idle_limit(store: Store) -> None:
    """The last use and the idle limit move, and nothing else does."""
    await add_sessions(store, "s1")
    assert await store.touch_session("s1", now=NOW + MS, idle_expires_at=NOW + 2 * DAY)
    assert await session_of(store) == make_session(last_used_at=NOW + MS, idle_expires_at=NOW + 2 * DAY)
    assert not await store.touch_session("s2", now=NOW, idle_expires_at=NOW + DAY)


async def test_rotating_counts_the_generation_up(store: Store) -> None:
    """The generation, the rotation time, the last use and the idle limit move together, and nothing else does."""
    await add_sessions(store, "s1")
    assert await rotate(store, "s1", Rotation(1, NOW + MS, NOW + 2 * DAY))
    later = NOW + MS
    assert await session_of(store) == make_session(
        generation=2, rotated_at=later, last_used_at=later, idle_expires_at=NOW + 2 * DAY
    )


@pytest.mark.parametrize("generation", [0, 1, 3])
async def test_rotating_from_another_generation_does_nothing(store: Store, generation: int) -> None:
    """Only the current generation can be rotated."""
    await add_sessions(store, "s1", generation=2)
    before = await session_of(store)
    assert not await rotate(store, "s1", Rotation(generation, NOW, NOW + 2 * DAY))
    assert await session_of(store) == before
    assert not await rotate(store, "s2", Rotation(2, NOW, NOW + 2 * DAY))


async def test_the_time_of_authentication_is_set(store: Store) -> None:
    """Only `auth_time` moves."""
    await add_sessions(store, "s1")
    assert await store.set_auth_time("s1", now=NOW + MS)
    assert await session_of(store) == make_session(auth_time=NOW + MS)
    assert not await store.set_auth_time("s2", now=NOW)


@pytest.mark.parametrize("limit", ["expires_at", "idle_expires_at"])
async def test_a_session_is_dead_from_the_millisecond_of_its_limit(store: Store, limit: str) -> None:
    """One millisecond before either limit the session can be renewed; at the limit nothing works."""
    end = NOW + MINUTE
    given: dict[str, Any] = {limit: end}
    await add_sessions(store, "s1", "s2", "s3", "s4", **given)
    before, far = end - MS, end if limit == "idle_expires_at" else NOW + DAY
    assert await store.touch_session("s1", now=before, idle_expires_at=far)
    assert await rotate(store, "s2", Rotation(1, before, far))
    assert await store.set_auth_time("s3", now=before)
    assert len(await store.sessions_of("u1", now=before)) == 4
    kept = await session_of(store, "s4")
    assert not await store.touch_session("s4", now=end, idle_expires_at=end + DAY)
    assert not await rotate(store, "s4", Rotation(1, end, end + DAY))
    assert not await store.set_auth_time("s4", now=end)
    assert await store.sessions_of("u1", now=end) == []
    assert await session_of(store, "s4") == kept


async def test_a_revoked_session_stays_dead(store: Store) -> None:
    """After a revocation nothing moves, and the first reason stays."""
    await add_sessions(store, "s1")
    assert await store.revoke_session("s1", at=NOW + MS, reason="logged_out")
    revoked = make_session(revoked_at=NOW + MS, revoked_reason="logged_out")
    assert not await store.revoke_session("s1", at=NOW + 2 * MS, reason="refresh_reused")
    assert not await store.touch_session("s1", now=NOW, idle_expires_at=NOW + DAY)
    assert not await rotate(store, "s1", Rotation(1, NOW, NOW + DAY))
    assert not await store.set_auth_time("s1", now=NOW)
    assert await store.revoke_user_sessions("u1", at=NOW + 2 * MS, reason="password_changed") == []
    assert await session_of(store) == revoked
    assert not await store.revoke_session("s2", at=NOW, reason="logged_out")


async def test_a_session_past_its_limit_can_be_revoked(store: Store) -> None:
    """A reuse can be recorded on an expired session too, so the limit does not matter."""
    await add_sessions(store, "s1", expires_at=NOW - DAY)
    assert await store.revoke_session("s1", at=NOW, reason="refresh_reused")


async def test_all_sessions_of_a_user_are_revoked_but_one(store: Store) -> None:
    """The call returns the ids of exactly those sessions that it ended, and other users' sessions live on."""
    await add_sessions(store, "s1", "s2", "s3", "s4")
    await add_sessions(store, "other", user_id="u2")
    await store.revoke_session("s4", at=NOW, reason="logged_out")
    ended = await store.revoke_user_sessions("u1", at=NOW + MS, reason="password_changed", keep="s2")
    assert sorted(ended) == ["s1", "s3"]
    assert [session.id for session in await store.sessions_of("u1", now=NOW)] == ["s2"]
    assert [session.id for session in await store.sessions_of("u2", now=NOW)] == ["other"]
    assert (await session_of(store, "s1")).revoked_reason == "password_changed"
    assert (await session_of(store, "s4")).revoked_reason == "logged_out"
    assert await store.revoke_user_sessions("u1", at=NOW, reason="password_changed") == ["s2"]
    assert await store.revoke_user_sessions("nobody", at=NOW, reason="password_changed") == []


async def test_a_later_revocation_of_the_same_instant_tells_only_its_own(store: Store) -> None:
    """The answer leaves out what another call ended in the same millisecond."""
    await add_sessions(store, "s1")
    assert await store.revoke_user_sessions("u1", at=NOW, reason="password_changed") == ["s1"]
    await add_sessions(store, "s2")
    assert await store.revoke_user_sessions("u1", at=NOW, reason="password_changed") == ["s2"]


async def test_sessions_are_listed_by_last_use(store: Store) -> None:
    """The session used last comes first, and only that user's living sessions are listed."""
    await store.add_user(make_user())
    for session_id, used in (("old", NOW - MS), ("new", NOW + MS), ("mid", NOW)):
        await store.add_session(make_session(session_id, last_used_at=used))
    assert [session.id for session in await store.sessions_of("u1", now=NOW)] == ["new", "mid", "old"]
    await store.touch_session("old", now=NOW + MINUTE, idle_expires_at=NOW + DAY)
    assert [session.id for session in await store.sessions_of("u1", now=NOW)] == ["old", "new", "mid"]


async def test_a_judged_session_is_rotated(store: Store) -> None:
    """The judge sees the session and its user as they are, and its decision is carried out in the same step."""
    await add_sessions(store, "s1")
    seen: list[SessionOfUser] = []

    def judge(found: SessionOfUser) -> Rotation:
        seen.append(found)
        return Rotation(found.session.generation, NOW + MS, NOW + 2 * DAY)

    judged = await store.judge_session("s1", judge)
    assert judged is not None
    assert judged.is_rotated
    assert seen == [judged.found] == [(make_session("s1"), make_user("u1"))]
    after = await session_of(store, "s1")
    assert (after.generation, after.rotated_at, after.idle_expires_at) == (2, NOW + MS, NOW + 2 * DAY)


async def test_a_session_that_is_judged_to_stay_stays(store: Store) -> None:
    """The session stays as it is, whatever the judge's reason, even if the judge raises an error."""
    await add_sessions(store, "s1")

    def fail(found: SessionOfUser) -> Rotation:
        raise InvalidGrant

    judged = await store.judge_session("s1", lambda found: None)
    assert judged is not None
    assert not judged.is_rotated
    with pytest.raises(InvalidGrant):
        await store.judge_session("s1", fail)
    assert await session_of(store, "s1") == make_session("s1")
    assert await store.judge_session("nothing", fail) is None


async def test_no_judge_rotates_what_ended_or_went_on(store: Store) -> None:
    """Whatever the judge says, the store rotates only a living session at that generation."""
    await add_sessions(store, "s1", "s2")
    await store.revoke_session("s1", at=NOW, reason="logged_out")

    def go_on(generation: int, found: SessionOfUser) -> Rotation:
        return Rotation(generation, NOW, NOW + DAY)

    for session_id, generation in (("s1", 1), ("s2", 2)):
        judged = await store.judge_session(session_id, partial(go_on, generation))
        assert judged is not None
        assert not judged.is_rotated
        assert (await session_of(store, session_id)).generation == 1


async def test_of_many_judges_one_is_obeyed(store: Store) -> None:
    """Judges who are asked at once may see the same session, but only one of them rotates it."""
    await add_sessions(store, "s1")
    every = await asyncio.gather(
        *(store.judge_session("s1", lambda found: Rotation(1, NOW, NOW + DAY)) for _ in range(20))
    )
    assert [judged.is_rotated for judged in every if judged].count(True) == 1
    assert (await session_of(store, "s1")).generation == 2


async def test_s39_sessions_are_listed_page_by_page(store: Store) -> None:
    """Each page begins after the last session of the one before, also if that one has ended meanwhile."""
    await store.add_user(make_user())
    for number in range(5):  # two of them were used in the same millisecond
        await store.add_session(make_session(f"s{number}", last_used_at=NOW + number // 2 * MS))
    await add_sessions(store, "other", user_id="u2")
    pages = [[one.id for one in await store.sessions_of("u1", now=NOW, limit=2)]]
    while pages[-1]:
        await store.revoke_session(pages[-1][-1], at=NOW, reason="logged_out")
        found = await store.sessions_of("u1", now=NOW, after=pages[-1][-1], limit=2)
        pages.append([one.id for one in found])
    assert pages == [["s4", "s3"], ["s2", "s1"], ["s0"], []]
    for after in ("unknown", "other"):
        assert await store.sessions_of("u1", now=NOW, after=after) == []
    assert await store.sessions_of("u1", now=NOW, limit=0) == []


async def test_s39_an_account_has_no_more_sessions_than_its_limit(store: Store) -> None:
    """One more ends the live one that was used the longest ago, whatever has ended before, and nobody else's."""
    await add_sessions(store, "other", user_id="u2")
    await add_sessions(store, "ended", "expired", "new", "old")
    await store.revoke_session("ended", at=NOW, reason="logged_out")
    for session_id, used, idle_expires in (("expired", 4, MS), ("new", 3, DAY), ("old", 2, DAY)):
        used_at = NOW + used * MS
        assert await store.touch_session(session_id, now=used_at, idle_expires_at=used_at + idle_expires)
    later = NOW + MINUTE
    added = [
        await store.add_session(make_session(f"s{number}", created_at=later, last_used_at=later), most=3)
        for number in range(2)
    ]
    assert [one and one.displaced for one in added] == [(), ("old",)]
    assert {one.id for one in await store.sessions_of("u1", now=later)} == {"s0", "s1", "new"}
    old = await session_of(store, "old")
    assert (old.revoked_at, old.revoked_reason) == (later, "session_displaced")
    assert len(await store.sessions_of("u2", now=later)) == 1
