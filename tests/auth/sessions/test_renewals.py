"""The renewal of browser sessions takes one look-up for a burst, and no token outlives its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from app.auth.errors import (
    AccountDisabled,
    LoggedOut,
    PasswordChanged,
    RightsChanged,
    StoreUnavailable,
    TokenExpired,
    TokenNotCurrent,
)
from app.auth.models import Principal, TokenPair, User
from app.auth.service import Auth
from tests.auth.house import OTHER_PASSWORD, WEB, CountingStore, FakeClock, House, counting
from tests.kit.duet import PASSWORD


class Desk(NamedTuple):
    """A process that counts its calls to the store, with a browser's session."""

    auth: Auth
    store: CountingStore
    clock: FakeClock
    user: User
    pair: TokenPair

    def stale(self) -> Principal:
        """The principal of the browser's token, which is not current at the moment."""
        with pytest.raises(TokenNotCurrent) as stale:
            self.auth.sessions.authenticate(self.pair.access_token)
        return stale.value.principal


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    """A browser that logged in a quarter of an hour ago, so that its token has just expired."""
    user = await house.make_user()
    async with counting(house) as (auth, store):
        pair = await auth.sessions.log_in(user.email, PASSWORD, WEB)
        house.clock.step(minutes=15)
        store.calls.clear()
        yield Desk(auth, store, house.clock, user, pair)


async def test_a_burst_costs_one_look_up(desk: Desk) -> None:
    """Fifty requests with one old cookie, and fifty more a little later, cost one read and one write."""
    stale = desk.stale()
    renewed = await asyncio.gather(*[desk.auth.renewals.renew(stale) for _ in range(50)])
    desk.clock.step(minutes=14)
    renewed += await asyncio.gather(*[desk.auth.renewals.renew(stale) for _ in range(50)])
    assert desk.store.calls == ["session_with_user", "touch_session"]
    assert len({pair.access_token for pair in renewed}) == 1
    assert desk.auth.sessions.authenticate(renewed[0].access_token).session_id == stale.session_id


async def test_a_kept_token_runs_out_like_any_other(desk: Desk) -> None:
    """After the kept token expires, the store is asked again."""
    stale = desk.stale()
    first = await desk.auth.renewals.renew(stale)
    desk.clock.step(minutes=15)
    with pytest.raises(TokenExpired):
        desk.auth.sessions.authenticate(first.access_token)
    second = await desk.auth.renewals.renew(stale)
    assert second.access_token != first.access_token
    assert desk.store.calls == ["session_with_user", "touch_session"] * 2


async def test_who_hangs_up_takes_nobody_s_answer_along(desk: Desk) -> None:
    """When the first request of a burst is cancelled, the others get their token from the same look-up."""
    stale = desk.stale()
    first, *others = [asyncio.create_task(desk.auth.renewals.renew(stale)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    assert len({pair.access_token for pair in await asyncio.gather(*others)}) == 1
    assert first.cancelled() or first.cancelling()
    assert desk.store.calls == ["session_with_user", "touch_session"]


async def test_a_kept_token_dies_with_its_session(desk: Desk) -> None:
    """A copied cookie is dead after the logout."""
    stale = desk.stale()
    kept = await desk.auth.renewals.renew(stale)
    await desk.auth.endings.log_out(kept.principal, WEB)
    desk.store.calls.clear()
    for _ in range(2):
        with pytest.raises(LoggedOut):
            await desk.auth.renewals.renew(stale)
    assert desk.store.calls == []


async def test_a_kept_token_dies_with_a_session_that_ended_elsewhere(desk: Desk, house: House) -> None:
    """The poll tells of the end for as long as tokens may live, and after that the store does."""
    stale = desk.stale()
    kept = await desk.auth.renewals.renew(stale)
    await house.auth.endings.log_out(kept.principal, WEB)
    await desk.auth.revocations.poll()
    with pytest.raises(LoggedOut):
        await desk.auth.renewals.renew(stale)
    desk.clock.step(minutes=16)
    for _ in range(2):
        await desk.auth.revocations.poll()
        desk.clock.step(minutes=1)
    assert not desk.auth.revocations._sessions
    with pytest.raises(LoggedOut):
        await desk.auth.renewals.renew(stale)


@pytest.mark.parametrize("ending", ["disabled", "password"])
async def test_no_renewal_after_the_account_s_end(desk: Desk, ending: str) -> None:
    """Disabling the account or setting a new password ends the browser's session for good."""
    stale = desk.stale()
    await desk.auth.renewals.renew(stale)
    if ending == "disabled":
        await desk.auth.administration.set_active(desk.user.id, False, WEB)
    else:
        await desk.auth.credentials.set_password(desk.user.id, OTHER_PASSWORD, WEB)
    with pytest.raises(AccountDisabled if ending == "disabled" else PasswordChanged):
        await desk.auth.renewals.renew(stale)


async def test_new_roles_arrive_with_the_next_request(desk: Desk) -> None:
    """A role given or taken is in the renewed token at once, and the person stays logged in."""
    stale = desk.stale()
    await desk.auth.accounts.create("grace@example.com", PASSWORD, roles=["admin"], client=WEB)
    assert not (await desk.auth.renewals.renew(stale)).principal.roles
    for roles in (["admin"], ["admin", "editor"], []):
        await desk.auth.administration.set_roles(desk.user.id, roles, WEB)
        renewed = await desk.auth.renewals.renew(stale)
        assert renewed.principal.roles == set(roles)
        desk.auth.sessions.authenticate(renewed.access_token)


async def test_a_token_of_older_rights_is_renewed_before_its_time(house: House) -> None:
    """The gate gets `RightsChanged`, which a renewal mends."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(user.email, PASSWORD, WEB)
    await house.auth.administration.set_roles(user.id, ["admin"], WEB)
    with pytest.raises(RightsChanged) as changed:
        house.auth.sessions.authenticate(pair.access_token)
    renewed = await house.auth.renewals.renew(changed.value.principal)
    assert house.auth.sessions.authenticate(renewed.access_token).roles == {"admin"}


async def test_roles_that_change_during_the_look_up_log_nobody_out(desk: Desk) -> None:
    """If the store was read a moment too early, it is read once more and the new roles are there."""
    stale = desk.stale()
    desk.store.after["session_with_user"] = lambda: desk.auth.administration.set_roles(
        desk.user.id, ["admin"], WEB
    )
    renewed = await asyncio.gather(*[desk.auth.renewals.renew(stale) for _ in range(3)])
    assert {pair.principal.roles for pair in renewed} == {frozenset({"admin"})}
    assert desk.store.calls.count("session_with_user") == 2


async def test_a_log_out_during_the_look_up_wins(desk: Desk) -> None:
    """Whether the logout comes after the read or after the write, nobody gets a token of the ended session."""
    for step in ("session_with_user", "touch_session"):
        pair = await desk.auth.sessions.log_in(desk.user.email, PASSWORD, WEB)
        desk.clock.step(minutes=15)
        desk.store.after[step] = lambda ended=pair: desk.auth.endings.log_out(ended.principal, WEB)
        results = await asyncio.gather(
            *[desk.auth.renewals.renew(pair.principal) for _ in range(3)], return_exceptions=True
        )
        assert [type(result) for result in results] == [LoggedOut] * 3


async def test_a_fresh_login_is_not_answered_with_a_stale_one(desk: Desk) -> None:
    """After the password is confirmed, an older kept token would only ask for it again."""
    kept = await desk.auth.renewals.renew(desk.stale())
    desk.clock.step(minutes=5)
    confirmed = await desk.auth.sessions.confirm_password(kept.principal, PASSWORD, WEB)
    await desk.auth.administration.set_roles(desk.user.id, ["admin"], WEB)
    renewed = await desk.auth.renewals.renew(confirmed.principal)
    assert renewed.principal.auth_time == confirmed.principal.auth_time == desk.clock.now()


async def test_when_the_clock_stepped_back_a_session_is_renewed(desk: Desk) -> None:
    """A token from the future is replaced by a current one, which later revocations reach like any other."""
    kept = await desk.auth.renewals.renew(desk.stale())
    desk.clock.step(days=-1)
    with pytest.raises(TokenNotCurrent):
        desk.auth.sessions.authenticate(kept.access_token)
    renewed = await desk.auth.renewals.renew(kept.principal)
    assert renewed.principal.issued_at == desk.clock.now()
    assert renewed.principal.expires_at - desk.clock.now() == timedelta(minutes=15)
    await desk.auth.endings.log_out(renewed.principal, WEB)
    for _ in range(3):  # until the list has forgotten it
        desk.clock.step(minutes=20)
        await desk.auth.revocations.poll()
    with pytest.raises(LoggedOut):
        await desk.auth.renewals.renew(kept.principal)


async def test_a_store_that_is_away_is_no_log_out(desk: Desk) -> None:
    """The error names the outage and is not remembered, and the next request after the outage succeeds."""
    stale = desk.stale()
    await desk.store.inner.close()
    results = await asyncio.gather(*[desk.auth.renewals.renew(stale) for _ in range(5)], return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 5
    await desk.store.inner.open()
    assert (await desk.auth.renewals.renew(stale)).principal.session_id == stale.session_id


async def test_no_more_tokens_are_kept_than_may_be(desk: Desk) -> None:
    """However many sessions are renewed, the memory for their tokens is bounded."""
    desk.auth.renewals._size = 3
    for _ in range(6):
        pair = await desk.auth.sessions.log_in(desk.user.email, PASSWORD, WEB)
        await desk.auth.renewals.renew(pair.principal)
        await asyncio.sleep(0)
    assert len(desk.auth.renewals._kept) == 3
    assert not desk.auth.renewals._running
