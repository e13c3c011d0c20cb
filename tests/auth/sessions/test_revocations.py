"""The revocation list in memory takes effect here at once, and elsewhere with the next poll."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from app.auth.errors import (
    AccountDeleted,
    AccountDisabled,
    LoggedOut,
    NotAuthenticated,
    RightsChanged,
    StoreUnavailable,
)
from app.auth.models import TokenPair
from app.auth.service import build_auth
from tests.auth.house import API, House, config, counting, house_on
from tests.kit.duet import PASSWORD, SECRET

EMAIL = "ada@example.com"


def is_refused(house: House, pair: TokenPair, kind: type[NotAuthenticated]) -> bool:
    """Whether the token is refused for that reason."""
    try:
        house.auth.sessions.authenticate(pair.access_token)
    except kind:
        return True
    return False


async def until(holds: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_before_the_first_poll_no_token_can_be_judged(house: House) -> None:
    """A process that has not read the list does not guess: that would let a revoked token in."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    starting = build_auth(config(), secrets=[SECRET], store=house.store, clock=house.clock)
    try:
        assert not starting.revocations.is_ready
        with pytest.raises(StoreUnavailable):
            starting.sessions.authenticate(pair.access_token)
        await starting.revocations.poll()
        assert starting.revocations.is_ready
        starting.sessions.authenticate(pair.access_token)
    finally:
        starting.passwords.close()


async def test_a_failed_poll_makes_nothing_ready(house: House, tmp_path: Path) -> None:
    """While the store is away, a starting process stays unready, and what a running one knows still holds."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.endings.log_out(pair.principal, API)
    await house.store.close()
    starting = build_auth(config(), secrets=[SECRET], store=house.store, clock=house.clock)
    for auth in (starting, house.auth):
        with pytest.raises(StoreUnavailable):
            await auth.revocations.poll()
    starting.passwords.close()
    assert not starting.revocations.is_ready
    with pytest.raises(LoggedOut):
        house.auth.sessions.authenticate(pair.access_token)
    await house.store.open()


async def test_what_another_process_ended_is_seen_with_the_next_poll(database_url: str) -> None:
    """The poll tells of a logout, a disabling, a deletion and new roles, on each store."""
    async with house_on(database_url) as here, house_on(database_url, clock=here.clock) as there:
        users = [await here.make_user(f"user{number}@example.com") for number in range(4)]
        pairs = [await here.auth.sessions.log_in(user.email, PASSWORD, API) for user in users]
        for pair in pairs:
            there.auth.sessions.authenticate(pair.access_token)
        await here.auth.endings.log_out(pairs[0].principal, API)
        await here.auth.administration.set_active(users[1].id, False, API)
        await here.auth.administration.delete(users[2].id, API)
        await here.auth.administration.set_roles(users[3].id, ["admin"], API)
        here.clock.step(seconds=1)
        await there.auth.revocations.poll()
        for house in (here, there):
            for pair, kind in zip(pairs, (LoggedOut, AccountDisabled, AccountDeleted, RightsChanged), strict=True):
                with pytest.raises(kind):
                    house.auth.sessions.authenticate(pair.access_token)


async def test_a_revocation_that_became_visible_late_is_not_missed(database_url: str) -> None:
    """Each poll looks back as far as clocks may differ, and further for slow writes."""
    async with house_on(database_url) as here, house_on(database_url, clock=here.clock) as there:
        await here.make_user()
        pair = await here.auth.sessions.log_in(EMAIL, PASSWORD, API)
        here.clock.step(minutes=2)
        await there.auth.revocations.poll()
        here.clock.step(seconds=-69)  # the other container's clock
        await here.auth.endings.log_out(pair.principal, API)
        here.clock.step(seconds=70)
        await there.auth.revocations.poll()
        with pytest.raises(LoggedOut):
            there.auth.sessions.authenticate(pair.access_token)


async def test_a_replica_set_tells_what_ended_by_itself(mongo_database_url: str) -> None:
    """The news comes at once, although the processes' clocks differ by far more than their polls overlap."""
    async with house_on(mongo_database_url) as here, house_on(mongo_database_url) as there:
        users = [await here.make_user(f"user{number}@example.com") for number in range(3)]
        pairs = [await here.auth.sessions.log_in(user.email, PASSWORD, API) for user in users]
        there.clock.step(minutes=10)
        await there.auth.revocations.poll()
        listening = asyncio.create_task(there.auth.revocations.listen())
        ends = (
            here.auth.endings.log_out(pairs[0].principal, API),
            here.auth.administration.set_active(users[1].id, False, API),
            here.auth.administration.set_roles(users[2].id, ["editor"], API),
        )
        await asyncio.sleep(1)  # An open stream tells only of what happens from then on.
        for end, pair, kind in zip(ends, pairs, (LoggedOut, AccountDisabled, RightsChanged), strict=True):
            there.auth.sessions.authenticate(pair.access_token)
            await end
            await until(partial(is_refused, there, pair, kind))
        listening.cancel()


async def test_sqlite_tells_nothing_by_itself(house: House) -> None:
    """Listening on SQLite returns at once, so nobody waits for it."""
    await house.auth.revocations.listen()


async def test_a_restart_learns_what_was_ended_before_it(house: House) -> None:
    """The first poll reads as far back as an access token can be old."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.endings.log_out(pair.principal, API)
    house.clock.step(minutes=14, seconds=59)
    async with counting(house) as (restarted, _):
        with pytest.raises(LoggedOut):
            restarted.sessions.authenticate(pair.access_token)


async def test_new_rights_end_older_tokens_and_no_newer_ones(house: House) -> None:
    """This holds within one second too, because a counter tells before from after where `iat` could not."""
    user = await house.make_user()
    before = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.administration.set_roles(user.id, ["editor"], API)
    after = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.revocations.poll()
    with pytest.raises(RightsChanged):
        house.auth.sessions.authenticate(before.access_token)
    assert house.auth.sessions.authenticate(after.access_token).roles == {"editor"}
    assert (before.principal.rights_version, after.principal.rights_version) == (1, 2)
    # A late poll, or an older change from elsewhere, takes nothing back.
    house.auth.revocations.add_rights(user.id, 1, at=house.clock.now())
    with pytest.raises(RightsChanged):
        house.auth.sessions.authenticate(before.access_token)


async def test_what_no_token_can_outlive_is_forgotten(house: House) -> None:
    """An entry goes once every token that it refers to has expired, and not before, so the list stays small."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.endings.log_out(pair.principal, API)
    await house.auth.administration.set_roles(user.id, [], API)
    revocations = house.auth.revocations
    house.clock.step(minutes=15)
    await revocations.poll()
    assert (len(revocations._sessions), len(revocations._rights)) == (1, 1)
    house.clock.step(seconds=71)
    await revocations.poll()
    house.clock.step(seconds=71)
    await revocations.poll()
    assert (len(revocations._sessions), len(revocations._rights)) == (0, 0)


async def test_a_poll_reads_all_there_is_in_parts(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part begins where the last one ended and misses nothing, however many entries are of one instant."""
    monkeypatch.setattr("app.auth.sessions.revocations.PAGE", 2)
    async with house_on(database_url) as here, house_on(database_url, clock=here.clock) as there:
        pairs = []
        for number in range(12):
            await here.make_user(f"user{number}@example.com")
            pairs.append(await here.auth.sessions.log_in(f"user{number}@example.com", PASSWORD, API))
        for number, pair in enumerate(pairs):
            if number not in (3, 4, 5, 6):  # these have the same instant as the one before
                here.clock.step(milliseconds=1)
            await here.auth.endings.log_out(pair.principal, API)
            await here.auth.administration.set_roles(pair.principal.user_id, ["editor"], API)
        async with counting(there) as (auth, store):
            assert [store.calls.count(name) for name in ("revoked_since", "rights_changed_since")] == [8, 8]
            for pair in pairs:
                with pytest.raises(LoggedOut):
                    auth.sessions.authenticate(pair.access_token)
            assert len(auth.revocations._rights) == len(pairs)


async def test_what_is_read_again_takes_no_more_memory(house: House) -> None:
    """Each poll reads again what the last one read, and it is held once, under its first instant."""
    await house.make_user()
    for _ in range(5):
        pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
        await house.auth.endings.log_out(pair.principal, API)
        house.clock.step(milliseconds=10)
    revocations = house.auth.revocations
    for _ in range(30):
        house.clock.step(seconds=1)
        await revocations.poll()
    assert len(revocations._sessions) == 5
    assert [len(ended.session_ids) for ended in revocations._ended.values()] == [1, 4]


async def test_very_many_are_forgotten_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """No poll blocks the event loop to forget them all, and until forgotten they stay ended."""
    monkeypatch.setattr("app.auth.sessions.revocations.FORGET_AT_ONCE", 2)
    revocations, now = house.auth.revocations, house.clock.now()
    revocations.add_sessions("de", at=now, reason="logged_out")
    revocations.add_sessions("abc", at=now + timedelta(seconds=2), reason="logged_out")
    house.clock.step(minutes=20)
    left = []
    for _ in range(4):
        await revocations.poll()
        left.append(len(revocations._sessions))
    assert left == [3, 1, 0, 0]
    assert not revocations._ended


async def test_a_clock_that_was_ahead_takes_no_log_out_back(house: House) -> None:
    """What was forgotten while the clock was ahead is read again, because its token has not expired after all."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.endings.log_out(pair.principal, API)
    for hours in (2, -2):
        house.clock.step(hours=hours)
        await house.auth.revocations.poll()
    with pytest.raises(LoggedOut):
        house.auth.sessions.authenticate(pair.access_token)


async def test_a_token_from_the_future_stays_ended_until_it_has_run_out(house: House) -> None:
    """Issued while the clock was ahead and ended after it was set right, the token stays on the list for its whole
    life."""
    user = await house.make_user()
    house.clock.step(hours=2)
    pairs = [await house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(2)]
    await house.auth.revocations.poll()
    house.clock.step(hours=-2)
    await house.auth.revocations.poll()
    await house.auth.endings.log_out(pairs[0].principal, API)
    await house.auth.administration.set_roles(user.id, ["editor"], API)
    for _ in range(9):
        house.clock.step(minutes=15)
        await house.auth.revocations.poll()
        for pair in pairs:
            with pytest.raises(NotAuthenticated):
                house.auth.sessions.authenticate(pair.access_token)
