"""The life of a key: made once, known before it signs, over when nothing signed by it counts, ended when
stolen."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.auth.errors import KeyRetired, NotAuthenticated, StoreUnavailable, TokenExpired, TokenInvalid
from app.auth.keys import MIN_LEAD, USUAL_LEAD, KeyRing, KeyState, Purpose
from app.auth.keys.pairs import Safe, make_pair
from app.auth.keys.signing import KeyRefused
from app.auth.models import Client, SessionOfUser
from tests.auth.house import API, WEB, FakeClock, House, house_on
from tests.auth.jws import head_of
from tests.kit.duet import PASSWORD, SECRET

OLD = "the secret of last year: 7hQ2xV9bLm4c"
OPERATOR = Client("cli")
#: An access token's lifetime plus the leeway: for so long a key outlives its last signature.
LIFE = timedelta(minutes=16)
KEPT = timedelta(days=90)


@pytest.fixture
async def sealed_house(database_url: str) -> AsyncIterator[House]:
    """Auth over each kind of store, with key pairs that nothing rotates by itself."""
    async with house_on(database_url, algorithm="EdDSA", rotate_after=None) as one:
        await one.make_user()
        yield one


@contextlib.asynccontextmanager
async def fellow(house: House, database_url: str, *, ahead: float = 0, **given: Any) -> AsyncIterator[House]:
    """Another process on the same store, whose clock is `ahead` by this many seconds."""
    clock = FakeClock()
    clock.instant = house.clock.instant + timedelta(seconds=ahead)
    settings = {"algorithm": "EdDSA", "rotate_after": None, **given}
    async with house_on(database_url, clock=clock, **settings) as one:
        yield one


async def token_of(house: House, client: Client = WEB) -> str:
    """The access token of a new login."""
    return (await house.auth.sessions.log_in("ada@example.com", PASSWORD, client)).access_token


async def seat(house: House) -> SessionOfUser:
    """A new session, for which each process signs tokens without a login."""
    pair = await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)
    found = await house.store.session_with_user(pair.principal.session_id)
    assert found is not None
    return found


def signed_by(house: House, found: SessionOfUser) -> str:
    """An access token of the session, signed by the process as it signs that of a login."""
    return house.auth.sessions.tokens.issue(found.user, found.session)[0]


def kid_of(token: str) -> str:
    """The name of the key that signed the token."""
    kid: str = head_of(token)["kid"]
    return kid


def published(house: House) -> list[str]:
    """The names in the published key set."""
    return [key["kid"] for key in house.auth.signing.book.jwks()["keys"]]


def states(house: House) -> list[str]:
    """What each key is good for, oldest first."""
    return [entry.state.value for entry in house.auth.signing.book.entries()]


async def pass_time(*houses: House, **by: float) -> None:
    """Move all clocks on, and let every process poll and do what is due, as it does each second."""
    for house in houses:
        house.clock.step(**by)
    for house in houses:
        await house.auth.signing.book.poll()
        await house.auth.signing.tend()


async def stored(house: House, kid: str) -> Any:
    """A key as the store has it."""
    [row] = [row for row in await house.store.signing_keys() if row.id == kid]
    return row


# the first key


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_the_first_start_makes_a_key_that_signs(tmp_path: Any, algorithm: str) -> None:
    """Tokens have the configured algorithm, name a published key, and count; the private half is sealed."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", algorithm=algorithm) as house:
        await house.make_user()
        token = await token_of(house)
        [jwk] = house.auth.signing.book.jwks()["keys"]
        assert head_of(token) == {"alg": algorithm, "typ": "at+jwt", "kid": jwk["kid"]}
        assert jwk["alg"] == algorithm
        house.auth.sessions.authenticate(token)
        [row] = await house.store.signing_keys()
        assert "PRIVATE" not in row.sealed
        assert row.sealed not in repr(row)


async def test_a_restart_makes_no_other_key(sealed_house: House, database_url: str) -> None:
    """Processes that start later, or again, sign with the existing key and accept each other's tokens."""
    first = await token_of(sealed_house)
    async with fellow(sealed_house, database_url) as other:
        second = await token_of(other)
        assert kid_of(first) == kid_of(second)
        other.auth.sessions.authenticate(first)
        sealed_house.auth.sessions.authenticate(second)


async def test_of_processes_that_start_together_one_makes_the_key(database_url: str) -> None:
    """Each process may find no key, but the store lets only one of them add the first."""
    async with contextlib.AsyncExitStack() as stack:
        houses = [await stack.enter_async_context(house_on(database_url)) for _ in range(3)]
        signings = [
            type(house.auth.signing)(
                dataclasses.replace(house.auth.config, algorithm="EdDSA"),
                store=house.store,
                clock=house.clock,
                keys=house.auth.keys,
                audit=house.auth.audit,
            )
            for house in houses
        ]
        for signing in signings:
            await signing.book.poll()
        for signing in signings:  # each process has seen an empty store
            await signing.tend()
            await signing.book.poll()
        assert len({signing.book.signer().kid for signing in signings}) == 1
        assert len(await houses[0].store.signing_keys()) == 1


async def test_a_shared_secret_has_no_key_pairs(house: House) -> None:
    """With HS256 no key pair is made or published, and the derived keys are listed."""
    await house.auth.signing.tend()
    assert await house.store.signing_keys() == []
    assert house.auth.signing.book.jwks() == {"keys": []}
    [entry] = await house.auth.signing.list()
    assert (entry.algorithm, entry.state) == ("HS256", KeyState.SIGNING)
    for act in (house.auth.signing.rotate(OPERATOR), house.auth.signing.retire(entry.kid, OPERATOR)):
        with pytest.raises(KeyRefused, match="SECRET_KEY"):
            await act


async def test_nothing_is_judged_before_the_keys_are_known(sealed_house: House) -> None:
    """A process that has not reached its store since the start says so, and refuses no token."""
    token = await token_of(sealed_house)
    blind = type(sealed_house.auth.signing)(
        sealed_house.auth.config,
        store=sealed_house.store,
        clock=sealed_house.clock,
        keys=sealed_house.auth.keys,
        audit=sealed_house.auth.audit,
    ).book
    assert not blind.is_ready
    for ask in (blind.signer, blind.jwks, lambda: blind.find(kid_of(token))):
        with pytest.raises(StoreUnavailable):
            ask()
    await blind.poll()
    assert blind.is_ready
    assert blind.find(kid_of(token)) is not None


# rotation


async def test_a_key_is_published_before_it_signs_and_verifies_after_it_signed(sealed_house: House) -> None:
    """A key is published, signing, verifying, kept and gone in turn, and does at each step only what belongs to
    it."""
    house = sealed_house
    old = await token_of(house)
    new_kid = (await house.auth.signing.rotate(OPERATOR, lead=timedelta(seconds=20))).kid
    assert published(house) == [kid_of(old), new_kid]
    assert states(house) == ["signing", "published"]
    await pass_time(house, seconds=19.999)
    assert kid_of(await token_of(house)) == kid_of(old)
    await pass_time(house, seconds=0.001)
    assert kid_of(await token_of(house)) == new_kid
    assert states(house) == ["verifying", "signing"]
    house.auth.sessions.authenticate(old)
    await pass_time(house, seconds=LIFE.total_seconds() - 0.001)
    assert published(house) == [kid_of(old), new_kid]
    await pass_time(house, seconds=0.001)
    assert published(house) == [new_kid]
    assert states(house) == ["kept", "signing"]
    await pass_time(house, days=89)
    assert states(house) == ["kept", "signing"]
    await pass_time(house, days=2)
    assert states(house) == ["signing"]
    assert [row.id for row in await house.store.signing_keys()] == [new_kid]


async def test_the_private_half_goes_when_nobody_signs_with_it(sealed_house: House) -> None:
    """After that, a stolen database and a stolen secret yield no old key, and the seal still shows whose it
    was."""
    house = sealed_house
    kid = kid_of(await token_of(house))
    before = (await stored(house, kid)).sealed
    await house.auth.signing.rotate(OPERATOR)
    await pass_time(house, seconds=USUAL_LEAD.seconds + 119)
    assert (await stored(house, kid)).sealed == before
    await pass_time(house, seconds=1)
    safe = Safe(house.auth.keys.keys(Purpose.SIGNING_KEYS))
    assert safe.open((await stored(house, kid)).sealed, kid, "EdDSA") is None


async def test_a_browser_that_comes_back_after_weeks_is_renewed(sealed_house: House) -> None:
    """The token's key is over and no longer published, but the token is recognised and the session lives on."""
    house = sealed_house
    old = await token_of(house)
    await house.auth.signing.rotate(OPERATOR)
    await pass_time(house, days=20)
    assert kid_of(old) not in published(house)
    with pytest.raises(KeyRetired) as stale:
        house.auth.sessions.authenticate(old)
    pair = await house.auth.renewals.renew(stale.value.principal)
    assert kid_of(pair.access_token) in published(house)
    # The token has expired as well. Nothing by an ended key is believed, or a thief could end sessions with it.
    await house.auth.sessions.revoke_token(old, WEB)
    house.auth.sessions.authenticate(pair.access_token)


async def test_a_key_rotates_by_itself(database_url: str) -> None:
    """The next key is published an hour before it is due, or half a period before if the period is short."""
    async with house_on(database_url, algorithm="EdDSA", rotate_after=timedelta(days=30)) as house:
        [first] = published(house)
        await pass_time(house, days=30, hours=-1, seconds=-1)
        assert published(house) == [first]
        await pass_time(house, seconds=1)
        _, second = published(house)
        assert house.auth.signing.book.signer().kid == first
        await pass_time(house, hours=1)
        assert house.auth.signing.book.signer().kid == second
        await pass_time(house, days=30, hours=-1)
        assert len(published(house)) == 2
        await pass_time(house, hours=1)
        assert house.auth.signing.book.signer().kid not in (first, second)


async def test_an_impatient_operator_makes_no_heap_of_keys(sealed_house: House) -> None:
    """A key that signs soon enough is offered again; one that would sign later is overtaken for good."""
    house = sealed_house
    slow = await house.auth.signing.rotate(OPERATOR, lead=timedelta(hours=1))
    quick = await house.auth.signing.rotate(OPERATOR)
    assert (await house.auth.signing.rotate(OPERATOR)).kid == quick.kid
    assert len(published(house)) == 3
    await pass_time(house, seconds=USUAL_LEAD.seconds)
    assert house.auth.signing.book.signer().kid == quick.kid
    await pass_time(house, hours=1)
    assert house.auth.signing.book.signer().kid == quick.kid
    assert published(house) == [quick.kid]
    assert {entry.kid: entry.state for entry in house.auth.signing.book.entries()}[slow.kid] is KeyState.KEPT


async def test_a_lead_is_never_shorter_than_the_polls_of_others(sealed_house: House) -> None:
    """A shorter lead than the minimum is lengthened."""
    entry = await sealed_house.auth.signing.rotate(OPERATOR, lead=timedelta())
    assert entry.signs_from == sealed_house.clock.now() + MIN_LEAD


async def test_what_an_operator_does_is_in_the_audit_log(sealed_house: House) -> None:
    """The audit log has the key's name."""
    house = sealed_house
    kid = (await house.auth.signing.rotate(OPERATOR)).kid
    await house.auth.signing.retire(kid, OPERATOR)
    events = (await house.store.audit_events(limit=10)).items
    assert [(event.event, event.detail) for event in events][:2] == [
        ("signing_key_retired", kid),
        ("signing_key_rotated", kid),
    ]


# several containers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("act", ["rotate", "retire", "by itself"])
async def test_containers_agree_while_keys_change(tmp_path: Any, seed: int, act: str) -> None:
    """With four processes, clocks up to a minute apart and polls in any order, every process accepts and publishes
    what one signs at that moment; at worst a browser's token is renewed."""
    chance = random.Random(seed)
    url = f"sqlite:///{tmp_path / 'duet.db'}"
    rotate_after = timedelta(seconds=20) if act == "by itself" else None
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(house_on(url, algorithm="EdDSA", rotate_after=rotate_after))
        await first.make_user()
        houses = [first]
        for ahead in [chance.choice([-1, 1]) * 30, *(chance.uniform(-30, 30) for _ in range(2))]:
            one = fellow(first, url, ahead=ahead, rotate_after=rotate_after)
            houses.append(await stack.enter_async_context(one))
        found = await seat(first)
        signers: set[str] = set()
        last: dict[int, str] = {}
        for second in range(90):
            if second == 5 and act != "by itself":
                operator = await stack.enter_async_context(fellow(chance.choice(houses), url))
                if act == "rotate":
                    await operator.auth.signing.rotate(OPERATOR)
                else:
                    await operator.auth.signing.retire(operator.auth.signing.book.signer().kid, OPERATOR)
            for house in houses:
                house.clock.step(seconds=1)
            for house in chance.sample(houses, len(houses)):
                await house.auth.signing.book.poll()
                await house.auth.signing.tend()
            session = await first.auth.sessions.log_in("ada@example.com", PASSWORD, WEB) if second == 0 else None
            last = {0: session.access_token} if session else last
            token = signed_by(chance.choice(houses), found)
            signers.add(kid_of(token))
            for house in houses:
                assert kid_of(token) in published(house)
                try:
                    house.auth.sessions.authenticate(token)
                except KeyRetired:  # for the second in which others change over; a refresh mends it
                    assert act == "retire"
                try:
                    house.auth.sessions.authenticate(last[0])
                except (KeyRetired, TokenExpired) as stale:
                    last[0] = (await house.auth.renewals.renew(stale.principal)).access_token
        assert len(signers) > 1
        kept = await first.store.signing_keys()
        assert len({(row.algorithm, row.previous) for row in kept}) == len(kept)


@pytest.mark.parametrize("ahead", [-60, 60])
async def test_no_clock_makes_a_process_sign_too_early(
    sealed_house: House, database_url: str, ahead: float
) -> None:
    """A key from another process is used once its lead has passed here, whatever the recorded instants say."""
    async with fellow(sealed_house, database_url, ahead=ahead) as other:
        old = other.auth.signing.book.signer().kid
        new = (await sealed_house.auth.signing.rotate(OPERATOR)).kid
        await other.auth.signing.book.poll()
        other.clock.step(seconds=USUAL_LEAD.seconds - 0.001)
        assert other.auth.signing.book.signer().kid == old
        other.clock.step(seconds=0.001)
        assert other.auth.signing.book.signer().kid == new


async def test_a_key_that_may_be_new_is_not_called_unknown(sealed_house: House, database_url: str) -> None:
    """A process that has not reached the store for a while may not know the key, and must log nobody out for
    that."""
    async with fellow(sealed_house, database_url) as other:
        await sealed_house.auth.signing.rotate(OPERATOR)
        await pass_time(sealed_house, seconds=USUAL_LEAD.seconds)
        token = await token_of(sealed_house)
        other.clock.step(seconds=4)
        with pytest.raises(TokenInvalid):
            other.auth.sessions.authenticate(token)
        other.clock.step(seconds=USUAL_LEAD.seconds - 4)
        with pytest.raises(StoreUnavailable):
            other.auth.sessions.authenticate(token)
        for rubbish in ("", "x", "x" * 42, "x" * 44):
            assert other.auth.signing.book.find(rubbish) is None
        await other.auth.signing.book.poll()
        other.auth.sessions.authenticate(token)


async def test_a_clock_that_steps_back_stops_nobody(sealed_house: House) -> None:
    """When the clock steps back, the oldest usable key signs, because every process knows it."""
    house = sealed_house
    first = house.auth.signing.book.signer().kid
    await house.auth.signing.rotate(OPERATOR)
    house.clock.step(days=-400)
    assert house.auth.signing.book.signer().kid == first


# retiring


async def test_nothing_of_a_retired_key_is_believed(sealed_house: House) -> None:
    """From the moment its successor signs, a retired key's tokens are refused, remembered or expired ones too."""
    house = sealed_house
    api, web = await token_of(house, API), await token_of(house, WEB)
    for token in (api, web):
        house.auth.sessions.authenticate(token)
    entry, successor = await house.auth.signing.retire(kid_of(api), OPERATOR)
    assert successor is not None
    assert entry.verifies_until == successor.signs_from == house.clock.now() + timedelta(seconds=5)
    await pass_time(house, seconds=4.999)
    assert kid_of(await token_of(house)) == entry.kid
    house.auth.sessions.authenticate(api)
    await pass_time(house, seconds=0.001)
    for _ in range(2):
        for token in (api, web):
            with pytest.raises(KeyRetired):
                house.auth.sessions.authenticate(token)
    assert published(house) == [successor.kid]
    assert kid_of(await token_of(house)) == successor.kid
    await pass_time(house, hours=1)
    with pytest.raises(KeyRetired):
        house.auth.sessions.authenticate(api)


async def test_a_browser_is_renewed_after_its_key_was_retired(sealed_house: House) -> None:
    """The session is found although the token's key is retired, and a renewed token of the old key is not handed
    out."""
    house = sealed_house
    first = await token_of(house)
    await pass_time(house, minutes=15)
    with pytest.raises(TokenExpired) as expired:
        house.auth.sessions.authenticate(first)
    renewed = await house.auth.renewals.renew(expired.value.principal)
    await house.auth.signing.retire(kid_of(first), OPERATOR)
    await pass_time(house, seconds=5)
    for token in (first, renewed.access_token):
        with pytest.raises(KeyRetired) as stale:
            house.auth.sessions.authenticate(token)
        again = await house.auth.renewals.renew(stale.value.principal)
        house.auth.sessions.authenticate(again.access_token)


async def test_who_stole_a_key_ends_nobody_s_session(sealed_house: House) -> None:
    """A retired key's token does nothing at the revocation endpoint, expired or not, while another key's token
    works."""
    house = sealed_house
    stolen = house.auth.signing.book.signer()
    pair = await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)
    [session] = await house.auth.sessions.of(pair.principal)
    await house.auth.signing.retire(stolen.kid, OPERATOR)
    await pass_time(house, seconds=5)
    for minutes in (0, 30):
        house.clock.step(minutes=minutes)
        await house.auth.sessions.revoke_token(pair.access_token, API)
        assert [one.id for one in await house.auth.sessions.of(pair.principal)] == [session.id]
    assert pair.refresh_token is not None
    again = await house.auth.refreshing.refresh(pair.refresh_token, API)
    await house.auth.sessions.revoke_token(again.access_token, API)
    assert await house.auth.sessions.of(pair.principal) == []


async def test_a_key_that_only_verifies_is_retired_at_once(sealed_house: House) -> None:
    """A key that only verifies needs no successor."""
    house = sealed_house
    old = await token_of(house)
    new = await house.auth.signing.rotate(OPERATOR)
    await pass_time(house, minutes=3)
    house.auth.sessions.authenticate(old)
    _, successor = await house.auth.signing.retire(kid_of(old), OPERATOR)
    assert successor is None
    with pytest.raises(KeyRetired):
        house.auth.sessions.authenticate(old)
    assert house.auth.signing.book.signer().kid == new.kid


async def test_a_key_that_did_not_sign_yet_never_will(sealed_house: House) -> None:
    """A key retired before it signs is overtaken by another, five seconds from then."""
    house = sealed_house
    planned = await house.auth.signing.rotate(OPERATOR, lead=timedelta(hours=1))
    _, successor = await house.auth.signing.retire(planned.kid, OPERATOR)
    assert successor is not None
    signers = set()
    for minutes in (1, 10, 30, 30, 60):
        await pass_time(house, minutes=minutes)
        signers.add(kid_of(await token_of(house)))
    assert signers == {successor.kid}


async def test_a_retired_key_signs_no_more_though_none_follows(sealed_house: House) -> None:
    """After a retirement written straight into the database, another key is made within a minute and signs at
    once."""
    house = sealed_house
    old = await token_of(house)
    assert await house.store.retire_signing_key(kid_of(old), at=house.clock.now())
    await pass_time(house, seconds=60)
    token = await token_of(house)
    assert kid_of(token) != kid_of(old)
    house.auth.sessions.authenticate(token)
    with pytest.raises(KeyRetired):
        house.auth.sessions.authenticate(old)


async def test_what_can_not_be_retired_is_said(sealed_house: House) -> None:
    """An unknown name and a key that has already ended are refused with the reason."""
    house = sealed_house
    kid = house.auth.signing.book.signer().kid
    await house.auth.signing.retire(kid, OPERATOR)
    for name, reason in ((kid, "retired already"), ("nobody", "no key"), ("", "no key")):
        with pytest.raises(KeyRefused, match=reason):
            await house.auth.signing.retire(name, OPERATOR)


# secrets


async def test_a_change_of_secret_keeps_the_keys(sealed_house: House, database_url: str) -> None:
    """A fallback opens what it sealed, which is then sealed anew, so that dropping the old secret changes
    nothing."""
    old = await token_of(sealed_house)
    clock = sealed_house.clock
    settings: Any = {"clock": clock, "algorithm": "EdDSA", "rotate_after": None}
    async with house_on(database_url, secrets=[OLD, SECRET], **settings) as between:
        between.auth.sessions.authenticate(old)
        assert kid_of(await token_of(between)) == kid_of(old)
    async with house_on(database_url, secrets=[OLD], **settings) as after:
        after.auth.sessions.authenticate(old)
        assert kid_of(await token_of(after)) == kid_of(old)


async def test_dropping_a_secret_ends_what_it_sealed(sealed_house: House, database_url: str) -> None:
    """Keys that only verify end too, although their private halves are gone, and a new key signs at once."""
    house = sealed_house
    old = await token_of(house)
    await house.auth.signing.rotate(OPERATOR)
    await pass_time(house, minutes=3)
    newer = await token_of(house)
    clock = house.clock
    async with house_on(database_url, clock=clock, secrets=[OLD], algorithm="EdDSA") as after:
        for token in (old, newer):
            with pytest.raises(TokenInvalid):
                after.auth.sessions.authenticate(token)
        token = await token_of(after)
        assert published(after) == [kid_of(token)]
        assert states(after) == ["retired", "retired", "signing"]


async def test_the_command_line_needs_the_site_s_secret(sealed_house: House, database_url: str) -> None:
    """With another secret the command would make a key that no server can use; it names the setting and changes
    nothing."""
    before = await sealed_house.store.signing_keys()
    wrong = _operator(sealed_house, OLD)
    for act in (wrong.rotate(OPERATOR), wrong.retire(before[0].id, OPERATOR)):
        with pytest.raises(KeyRefused, match="SECRET_KEY"):
            await act
    assert [entry.state for entry in await wrong.list()] == [KeyState.LOST]
    assert await sealed_house.store.signing_keys() == before


def _operator(house: House, *secrets: str) -> Any:
    """The signing of `duet keys` with these secrets."""
    keys = KeyRing(secrets)
    signing = type(house.auth.signing)
    return signing(house.auth.config, store=house.store, clock=house.clock, keys=keys, audit=house.auth.audit)


@pytest.mark.parametrize("may_tend", [True, False])
async def test_a_process_with_other_secrets_than_its_neighbours_changes_nothing(
    sealed_house: House, may_tend: bool
) -> None:
    """Such a process would retire the others' keys; once nobody disagrees, it does what is due."""
    wrong = _operator(sealed_house, OLD)
    before = await sealed_house.store.signing_keys()
    running = asyncio.create_task(wrong.run(lambda: may_tend))
    while not wrong.book.entries() or (may_tend and not wrong.book.is_ready):
        await asyncio.sleep(0.01)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert (await sealed_house.store.signing_keys() == before) == (not may_tend)


async def test_who_writes_to_the_database_makes_no_key(sealed_house: House) -> None:
    """A stranger's key pair in the place of a successor signs nothing that counts, and keys go on rotating."""
    house = sealed_house
    good = await stored(house, house.auth.signing.book.signer().kid)
    pair = make_pair("EdDSA")
    theirs = Safe(KeyRing(["the secret of a stranger: 1234567890"]).keys(Purpose.SIGNING_KEYS))
    now = house.clock.now()
    for previous, sealed in (
        (good.id, theirs.seal(pair.private, pair.kid, "EdDSA")),
        ("x", ""),
        ("y", good.sealed),
    ):
        row = dataclasses.replace(
            good, id=pair.kid, public=pair.public, sealed=sealed, previous=previous, created_at=now, signs_from=now
        )
        assert await house.store.add_signing_key(row)
        await house.auth.signing.book.poll()
        assert pair.kid not in published(house)
        assert house.auth.signing.book.find(pair.kid) is None
        if previous == good.id:
            await pass_time(house, minutes=20)
            house.auth.sessions.authenticate(await token_of(house))
        assert house.auth.signing.book.signer().kid == good.id
        await pass_time(house, seconds=1)
        assert (await house.auth.signing.rotate(OPERATOR)).kid != pair.kid
        await house.store.remove_signing_key(pair.kid)
    damaged = dataclasses.replace(good, id="damaged", public=json.dumps({"kty": "OKP"}), previous="z")
    assert await house.store.add_signing_key(damaged)
    await pass_time(house, seconds=60)
    house.auth.sessions.authenticate(await token_of(house))


# another algorithm


@pytest.mark.parametrize(("before", "after"), [("HS256", "EdDSA"), ("EdDSA", "HS256"), ("EdDSA", "ES256")])
async def test_a_change_of_algorithm_logs_nobody_out(database_url: str, before: str, after: str) -> None:
    """Only the configured algorithm counts; a browser is renewed, an API client refreshes, and the old keys
    end."""
    clock = FakeClock()
    async with house_on(database_url, clock=clock, algorithm=before) as house:
        user = await house.make_user()
        web = await house.auth.sessions.log_in(user.email, PASSWORD, WEB)
        api = await house.auth.sessions.log_in(user.email, PASSWORD, API)
    async with house_on(database_url, clock=clock, algorithm=after) as house:
        for pair in (web, api):
            with pytest.raises(KeyRetired):
                house.auth.sessions.authenticate(pair.access_token)
        with pytest.raises(KeyRetired) as stale:
            house.auth.sessions.authenticate(web.access_token)
        renewed = await house.auth.renewals.renew(stale.value.principal)
        assert api.refresh_token is not None
        refreshed = await house.auth.refreshing.refresh(api.refresh_token, API)
        for pair in (renewed, refreshed):
            house.auth.sessions.authenticate(pair.access_token)
            assert head_of(pair.access_token)["alg"] == after
        assert {jwk["alg"] for jwk in house.auth.signing.book.jwks()["keys"]} == {after} - {"HS256"}
        clock.step(days=200)
        await house.auth.signing.book.poll()
        await house.auth.signing.tend()
        assert {row.algorithm for row in await house.store.signing_keys()} <= {after}
        with pytest.raises(NotAuthenticated):
            house.auth.sessions.authenticate(web.access_token)


async def test_the_way_back_within_a_minute_has_its_next_key_in_time(
    sealed_house: House, database_url: str
) -> None:
    """When a change of algorithm is undone at once, two processes agree on the key and nobody is logged out."""
    old = kid_of(await token_of(sealed_house))
    await sealed_house.store.retire_signing_key(old, at=sealed_house.clock.now())
    async with fellow(sealed_house, database_url) as other:
        await pass_time(sealed_house, other, seconds=2)
        await sealed_house.auth.signing.book.poll()
        new = published(sealed_house)[-1]
        assert new != old
        assert published(other)[-1] == new
        found = await seat(sealed_house)
        refused = 0
        for _ in range(70):
            await pass_time(sealed_house, other, seconds=1)
            for one, another in ((sealed_house, other), (other, sealed_house)):
                try:
                    another.auth.sessions.authenticate(signed_by(one, found))
                except KeyRetired:  # for the second in which the others change over; a refresh mends it
                    refused += 1
        assert refused <= 3
        assert {kid_of(await token_of(house)) for house in (sealed_house, other)} == {new}


async def test_a_damaged_row_stops_no_rotation(sealed_house: House) -> None:
    """Someone who can only write to the database can't keep a stolen key from being retired."""
    house = sealed_house
    kid = kid_of(await token_of(house))
    row = await stored(house, kid)
    assert await house.store.add_signing_key(replace(row, id="x", public="?", sealed="?", previous=kid))
    await house.auth.signing.retire(kid, OPERATOR)
    await pass_time(house, seconds=5)
    assert kid_of(await token_of(house)) not in (kid, "x")


async def test_a_damaged_only_key_is_followed_by_another(sealed_house: House, database_url: str) -> None:
    """Nothing signed by a damaged key is believed, and the next start makes another one."""
    house = sealed_house
    kid = kid_of(await token_of(house))
    row = await stored(house, kid)
    await house.store.remove_signing_key(kid)
    await house.store.add_signing_key(replace(row, public="?"))
    async with fellow(house, database_url) as other:
        await other.auth.signing.start()
        assert kid_of(await token_of(other)) != kid


@pytest.mark.parametrize("later", [1, 6, 40])
async def test_a_command_retires_a_key_that_has_just_begun(
    sealed_house: House, database_url: str, later: float
) -> None:
    """A key that has just begun, or is about to, is never its own successor, and the one before it does not come
    back."""
    house = sealed_house
    first = kid_of(await token_of(house))
    second = (await house.auth.signing.rotate(OPERATOR, lead=timedelta(seconds=5))).kid
    await pass_time(house, seconds=later)
    async with fellow(house, database_url) as command:
        rotated = await command.auth.signing.rotate(OPERATOR, lead=timedelta(seconds=5))
        assert (rotated.kid == second) == (later < 5)
    async with fellow(house, database_url) as command:
        _, successor = await command.auth.signing.retire(second, OPERATOR)
        assert successor is None or successor.kid not in (first, second)
    for _ in range(8):
        await pass_time(house, seconds=1)
    assert kid_of(await token_of(house)) not in (first, second)
    assert second not in published(house)
