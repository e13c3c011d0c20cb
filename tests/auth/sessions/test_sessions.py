"""Logins: their limits, the rotation of refresh tokens, and what ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.auth.errors import (
    AccountDisabled,
    AuthError,
    InvalidCredentials,
    InvalidGrant,
    LoggedOut,
    NotAuthenticated,
    NotFound,
    PasswordChanged,
    RefreshReused,
    ScopeInvalid,
    SessionExpired,
    SessionRevoked,
    TokenInvalid,
    WrongPassword,
)
from app.auth.models import TokenPair
from tests.auth.house import API, OTHER_PASSWORD, WEB, House, counting, house_on
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"


async def log_in(house: House) -> TokenPair:
    """A session on the API."""
    return await house.auth.sessions.log_in(EMAIL, PASSWORD, API)


def rt(pair: TokenPair) -> str:
    """The refresh token of the pair."""
    assert pair.refresh_token is not None
    return pair.refresh_token


async def refresh(house: House, pair: TokenPair) -> TokenPair:
    """Use the refresh token of `pair`."""
    return await house.auth.refreshing.refresh(rt(pair), API)


async def is_dead(house: House, *pairs: TokenPair) -> bool:
    """Whether none of the tokens of `pairs` works any more."""
    for pair in pairs:
        with pytest.raises(NotAuthenticated):
            house.auth.sessions.authenticate(pair.access_token)
        with pytest.raises(InvalidGrant):
            await refresh(house, pair)
    return True


async def is_alive(house: House, pair: TokenPair) -> bool:
    """Whether both tokens work."""
    house.auth.sessions.authenticate(pair.access_token)
    return (await refresh(house, pair)).principal.session_id == pair.principal.session_id


# rotation


async def test_every_refresh_changes_the_refresh_token(house: House) -> None:
    """Each refresh token is new, within the same session (item 10)."""
    await house.make_user()
    pairs = [await log_in(house)]
    for _ in range(4):
        house.clock.step(minutes=1)
        pairs.append(await refresh(house, pairs[-1]))
    assert len({rt(pair) for pair in pairs}) == len({pair.access_token for pair in pairs}) == 5
    assert len({pair.principal.session_id for pair in pairs}) == 1


async def test_the_immediate_parent_yields_the_same_successor(house: House) -> None:
    """Within the grace period a lost answer can be fetched again: the same token, and no new generation."""
    await house.make_user()
    first = await log_in(house)
    second = await refresh(house, first)
    house.clock.step(seconds=30)
    again = await refresh(house, first)
    assert rt(again) == rt(second)
    house.auth.sessions.authenticate(again.access_token)
    found = await house.store.session_with_user(first.principal.session_id)
    assert found is not None
    assert found[0].generation == 2


async def test_the_grace_never_slides(house: House) -> None:
    """Using the parent repeatedly does not extend the grace period, which ends 30 s after the rotation
    (item 11)."""
    await house.make_user()
    first = await log_in(house)
    second = await refresh(house, first)
    for _ in range(3):
        house.clock.step(seconds=10)
        assert rt(await refresh(house, first)) == rt(second)
    house.clock.step(milliseconds=1)
    with pytest.raises(InvalidGrant):
        await refresh(house, first)
    assert await is_dead(house, second)


async def test_a_grandparent_is_reuse_even_at_once(house: House) -> None:
    """The grace period is for the immediate parent alone."""
    await house.make_user()
    first = await log_in(house)
    second = await refresh(house, first)
    third = await refresh(house, second)
    with pytest.raises(InvalidGrant):
        await refresh(house, first)
    assert await is_dead(house, first, second, third)


async def test_reuse_ends_that_session_and_no_other(house: House) -> None:
    """The session's access tokens die at once too, and the audit log has the reason (RFC 9700 section 4.14.2)."""
    await house.make_user()
    await house.make_user("bob@example.com")
    stolen, own = await log_in(house), await log_in(house)
    bobs = await house.auth.sessions.log_in("bob@example.com", PASSWORD, API)
    current = await refresh(house, await refresh(house, stolen))
    with pytest.raises(InvalidGrant):
        await refresh(house, stolen)
    assert (await house.events())[0] == "refresh_reused"
    with pytest.raises(RefreshReused):
        house.auth.sessions.authenticate(current.access_token)
    assert await is_dead(house, stolen, current)
    assert await is_alive(house, own)
    assert await is_alive(house, bobs)


async def test_a_grace_of_zero_is_none(tmp_path: Path) -> None:
    """With `REFRESH_GRACE_SECONDS=0`, every second use is a reuse."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", refresh_grace=timedelta(0)) as house:
        await house.make_user()
        first = await log_in(house)
        await refresh(house, first)
        house.clock.step(milliseconds=1)
        with pytest.raises(InvalidGrant):
            await refresh(house, first)


async def test_a_forged_token_ends_nothing(house: House) -> None:
    """Knowing a session's id, which the session list shows, is not enough to end the session (item 10)."""
    await house.make_user()
    pair, other = await log_in(house), await log_in(house)
    session_id = pair.principal.session_id
    prefix, generation, mac = rt(pair).rsplit(".", 2)
    foreign = rt(other).rsplit(".", 1)[1]
    forged = [
        f"duet_rt_{session_id}.1.{'A' * 43}",
        f"{prefix}.1.{foreign}",
        f"{prefix}.2.{mac}",
        f"{prefix}.999999999.{mac}",
        f"{prefix}.01.{mac}",
        f"{prefix}.0.{mac}",
        f"{prefix}.-1.{mac}",
        f"{prefix}.1.{mac}=",
        f"{prefix}.1.{mac}\n",
        f"{prefix}.1.{mac[:-1]}",
        f"{prefix}.\u0661.{mac}",
        f"{prefix}.{'1' * 5000}.{mac}",
        f" {rt(pair)}",
        "",
        "\0",
        "\ud800",
        pair.access_token,
        f"duet_rt_{'x' * 10**6}.1.{mac}",
        f"duet_rt_.1.{mac}",
        rt(pair).upper(),
        f"{rt(pair).replace(session_id, other.principal.session_id)}",
        "duet_rt_nobody.1." + mac,
    ]
    assert generation == "1"
    house.clock.step(hours=1)
    for token in forged:
        with pytest.raises(InvalidGrant):
            await house.auth.refreshing.refresh(token, API)
        await house.auth.sessions.revoke_token(token if token != pair.access_token else "", API)
    assert rt(await refresh(house, pair))
    assert rt(await refresh(house, other))


async def test_a_browser_s_session_has_no_refresh_token(house: House) -> None:
    """A token derived from the session's generation is refused too."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    assert pair.refresh_token is None
    found = await house.store.session_with_user(pair.principal.session_id)
    assert found is not None
    derived = house.auth.refreshing.refresh_tokens.derive(found[0], 1)
    with pytest.raises(InvalidGrant):
        await house.auth.refreshing.refresh(derived, API)


async def test_an_api_session_is_not_renewed_like_a_browser_s(house: House) -> None:
    """An expired access token of an API client is worth nothing by itself."""
    await house.make_user()
    pair = await log_in(house)
    house.clock.step(minutes=16)
    with pytest.raises(TokenInvalid):
        await house.auth.renewals.renew(pair.principal)


async def test_the_store_holds_no_working_token(house: House, tmp_path: Path) -> None:
    """A stolen database yields no token (item 14)."""
    await house.make_user()
    pair = await refresh(house, await log_in(house))
    await house.store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    await house.store.open()
    assert pair.principal.session_id.encode() in stored
    for secret in (rt(pair), rt(pair).rsplit(".", 1)[1], pair.access_token, PASSWORD):
        assert secret.encode() not in stored


# limits


async def test_an_unused_session_ends(house: House) -> None:
    """A session ends after 30 days without a renewal, and each renewal starts them anew (V7.3.1)."""
    await house.make_user()
    pair = await log_in(house)
    house.clock.step(days=29)
    pair = await refresh(house, pair)
    house.clock.step(days=29)
    pair = await refresh(house, pair)
    house.clock.step(days=30)
    assert await is_dead(house, pair)
    assert await house.auth.sessions.of(pair.principal) == []


async def test_no_session_lives_for_ever(house: House) -> None:
    """A session ends after 90 days however often it is renewed, and its last tokens end no later (V7.3.2)."""
    await house.make_user()
    pair = await log_in(house)
    end = house.clock.now() + timedelta(days=90)
    for _ in range(3):
        house.clock.step(days=29, hours=20)
        pair = await refresh(house, pair)
    house.clock.instant = end - timedelta(minutes=1)
    pair = await refresh(house, pair)
    assert pair.principal.expires_at == end
    assert pair.expires_in == 60
    house.clock.step(minutes=1)
    assert await is_dead(house, pair)


async def test_a_browser_s_session_has_the_same_limits(house: House) -> None:
    """A renewal extends the idle limit but not the absolute one."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    for days in (29, 29, 29):
        house.clock.step(days=days)
        pair = await house.auth.renewals.renew(pair.principal)
    house.clock.step(days=4)
    with pytest.raises(SessionExpired):
        await house.auth.renewals.renew(pair.principal)


# endings


async def test_what_ended_a_session_is_told(house: House) -> None:
    """A logout, the ending by its owner, a new password and a disabled account each give their own reason."""
    user = await house.make_user()
    pairs = [await log_in(house) for _ in range(5)]
    sessions = house.auth.sessions
    await house.auth.endings.log_out(pairs[0].principal, API)
    await house.auth.endings.end(pairs[4].principal, pairs[1].principal.session_id, API)
    await sessions.revoke_token(rt(pairs[2]), API)
    await house.auth.credentials.change_password(pairs[4].principal, PASSWORD, OTHER_PASSWORD, API)
    await house.auth.administration.set_active(user.id, False, API)
    kinds = [LoggedOut, SessionRevoked, LoggedOut, PasswordChanged, AccountDisabled]
    for pair, kind in zip(pairs, kinds, strict=True):
        with pytest.raises(kind):
            sessions.authenticate(pair.access_token)
        assert await is_dead(house, pair)


@pytest.mark.parametrize("which", ["access", "expired access", "refresh", "old refresh"])
async def test_revoking_any_token_ends_its_session(house: House, which: str) -> None:
    """The access and the refresh token end together, in any generation (RFC 7009)."""
    await house.make_user()
    first = await log_in(house)
    second = await refresh(house, first)
    if which == "expired access":
        house.clock.step(minutes=16)
    tokens = {"refresh": rt(second), "old refresh": rt(first)}
    await house.auth.sessions.revoke_token(tokens.get(which, second.access_token), API)
    assert await is_dead(house, first, second)
    assert (await house.events()).count("token_revoked") == 1


async def test_only_one_s_own_sessions_can_be_ended(house: House) -> None:
    """Another user's, an unknown or an already ended session is reported as not found, and nothing happens."""
    await house.make_user()
    await house.make_user("bob@example.com")
    ada, bob = await log_in(house), await house.auth.sessions.log_in("bob@example.com", PASSWORD, API)
    for session_id in (bob.principal.session_id, "", "nobody", "\0", "\ud800", "x" * 100_000):
        with pytest.raises(NotFound):
            await house.auth.endings.end(ada.principal, session_id, API)
    assert await is_alive(house, bob)
    await house.auth.endings.end(ada.principal, ada.principal.session_id, API)
    with pytest.raises(NotFound):
        await house.auth.endings.end(ada.principal, ada.principal.session_id, API)


async def test_ending_the_others_keeps_this_one(house: House) -> None:
    """All of the caller's sessions except the current one end, and nobody else's."""
    await house.make_user()
    await house.make_user("bob@example.com")
    kept, gone = await log_in(house), [await log_in(house), await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)]
    bob = await house.auth.sessions.log_in("bob@example.com", PASSWORD, API)
    assert await house.auth.endings.end_others(kept.principal, API) == 2
    for pair in gone:
        with pytest.raises(SessionRevoked):
            house.auth.sessions.authenticate(pair.access_token)
    assert [one.id for one in await house.auth.sessions.of(kept.principal)] == [kept.principal.session_id]
    assert await is_alive(house, kept)
    assert await is_alive(house, bob)


async def test_confirming_the_password_makes_the_login_fresh(house: House) -> None:
    """The session and its refresh token stay, and a wrong password changes nothing."""
    await house.make_user()
    pair = await log_in(house)
    house.clock.step(minutes=10)
    with pytest.raises(WrongPassword):
        await house.auth.sessions.confirm_password(pair.principal, OTHER_PASSWORD, API)
    assert (await refresh(house, pair)).principal.auth_time == pair.principal.auth_time
    confirmed = await house.auth.sessions.confirm_password(pair.principal, PASSWORD, API)
    assert confirmed.principal.auth_time == house.clock.now()
    assert confirmed.principal.session_id == pair.principal.session_id
    await house.auth.endings.log_out(pair.principal, API)
    with pytest.raises(LoggedOut):
        await house.auth.sessions.confirm_password(pair.principal, PASSWORD, API)


# at the same moment

Ending = Callable[[House, TokenPair], Awaitable[object]]
ENDINGS: dict[str, Ending] = {
    "log-out": lambda house, pair: house.auth.endings.log_out(pair.principal, API),
    "revocation": lambda house, pair: house.auth.sessions.revoke_token(rt(pair), API),
    "disabling": lambda house, pair: house.auth.administration.set_active(pair.principal.user_id, False, API),
    "deletion": lambda house, pair: house.auth.administration.delete(pair.principal.user_id, API),
    "new password": lambda house, pair: house.auth.credentials.set_password(
        pair.principal.user_id, OTHER_PASSWORD, API
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_refresh_meets_an_ending(each_house: House, ending: str) -> None:
    """Whichever comes first, nothing of that session works afterwards (item 12)."""
    house = each_house
    for number in range(12):
        email = f"user{number}@example.com"
        await house.make_user(email)
        pair = await house.auth.sessions.log_in(email, PASSWORD, API)
        jobs = [refresh(house, pair), ENDINGS[ending](house, pair), refresh(house, pair)]
        if number % 3:  # in different orders
            jobs = [jobs[1], jobs[0], jobs[2]] if number % 3 == 1 else [jobs[0], jobs[2], jobs[1]]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(one, TokenPair | InvalidGrant) or not isinstance(one, Exception) for one in outcomes)
        assert await is_dead(house, pair, *[one for one in outcomes if isinstance(one, TokenPair)])


@pytest.mark.parametrize("ending", ["disabling", "deletion", "new password"])
async def test_a_login_meets_an_ending(each_house: House, ending: str) -> None:
    """A login with the old password, or to an account that is going, leaves no living session."""
    house = each_house
    for number in range(8):
        email = f"user{number}@example.com"
        user = await house.make_user(email)
        old = await house.auth.sessions.log_in(email, PASSWORD, API)
        logins = [house.auth.sessions.log_in(email, PASSWORD, API) for _ in range(3)]
        jobs: list[Awaitable[object]] = [*logins]
        jobs.insert(number % 4, ENDINGS[ending](house, old))
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        began = [one for one in outcomes if isinstance(one, TokenPair)]
        refused = [one for one in outcomes if isinstance(one, AuthError)]
        assert len(began) + len(refused) == 3
        assert all(isinstance(one, InvalidCredentials) for one in refused)
        assert await is_dead(house, old, *began)
        assert await house.store.sessions_of(user.id, now=house.clock.now()) == []


@pytest.mark.parametrize("processes", [1, 2])
async def test_fifty_refreshes_at_once_are_one(database_url: str, processes: int) -> None:
    """In one process or two, there is one successor and nobody is logged out (item 11)."""
    async with house_on(database_url) as one, house_on(database_url, clock=one.clock) as two:
        await one.make_user()
        pair = await log_in(one)
        houses = [one, two][:processes]
        pairs = await asyncio.gather(*[refresh(houses[number % processes], pair) for number in range(50)])
        assert len({rt(one) for one in pairs}) == 1
        found = await one.store.session_with_user(pair.principal.session_id)
        assert found is not None
        assert found[0].generation == 2
        for house in houses:
            for each in pairs:
                house.auth.sessions.authenticate(each.access_token)
        # The same happens with the successor.
        later = await asyncio.gather(*[refresh(houses[number % processes], pairs[0]) for number in range(50)])
        assert len({rt(one) for one in later}) == 1
        assert rt(later[0]) != rt(pairs[0])


async def test_a_refresh_asks_the_store_little(house: House) -> None:
    """A refresh takes one step in the store, and checking an access token none."""
    await house.make_user()
    async with counting(house) as (auth, store):
        pair = await auth.sessions.log_in(EMAIL, PASSWORD, API)
        store.calls.clear()
        for _ in range(10):
            auth.sessions.authenticate(pair.access_token)
        assert store.calls == []
        await auth.refreshing.refresh(rt(pair), API)
        assert store.calls == ["judge_session"]


async def test_a_refresh_that_is_refused_changes_nothing(each_house: House) -> None:
    """A refused refresh, for a wider scope or of a browser's session, leaves the session as it was."""
    house = each_house
    await house.make_user()
    narrow = await house.auth.sessions.log_in(EMAIL, PASSWORD, API, scope="read")
    with pytest.raises(ScopeInvalid):
        await house.auth.refreshing.refresh(rt(narrow), API, scope="read write")
    browser = (await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)).principal
    found = await house.store.session_with_user(browser.session_id)
    assert found is not None
    forged = house.auth.refreshing.refresh_tokens.derive(found[0], 1)
    with pytest.raises(InvalidGrant):
        await house.auth.refreshing.refresh(forged, API)
    for session_id in (narrow.principal.session_id, browser.session_id):
        after = await house.store.session_with_user(session_id)
        assert after is not None
        assert (after[0].generation, after[0].rotated_at) == (1, None)
    assert rt(await refresh(house, narrow)).split(".")[1] == "2"
