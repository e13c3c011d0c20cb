"""Limits on guesses, registrations and mails, for each account and network, across all processes."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.auth.errors import InvalidCredentials, InvalidGrant, TooBusy, TooManyRequests, WrongPassword
from app.auth.limits.throttle import (
    ADDRESS_GUESSES,
    ADDRESS_MAILS,
    GUESSES,
    MAILS,
    NOTICES,
    OWN_GUESSES,
    REGISTRATIONS,
    TOKENS,
)
from app.auth.models import API_CLIENT, WEB_CLIENT, Client, LetterKind
from app.auth.refusals import EmailTaken, PasswordUnacceptable
from app.auth.service import Auth, build_auth
from tests.auth.house import API, OTHER_PASSWORD, WEB, CountingStore, House, config, house_on
from tests.kit.duet import PASSWORD, SECRET

EMAIL = "ada@example.com"
WRONG = "not the password at all"
WAITS = [5, 10, 20, 40, 80, 160, 300, 300, 300]
_numbers = itertools.count()


def elsewhere(**given: Any) -> Client:
    """A client at an IP address that nobody has used before."""
    number = next(_numbers)
    return Client(given.pop("id", API_CLIENT), ip=f"198.18.{number // 256}.{number % 256}", **given)


async def wait_of(attempt: Awaitable[object]) -> int:
    """How many seconds an attempt was told to wait; 0 if it was let through, whatever came of it."""
    try:
        await attempt
    except TooManyRequests as refusal:
        return refusal.retry_after
    except (InvalidCredentials, WrongPassword, InvalidGrant, EmailTaken, PasswordUnacceptable):
        pass
    return 0


async def guess(house: House, email: str = EMAIL, password: str = WRONG, *, client: Client | None = None) -> int:
    """How many seconds a password guess was told to wait; 0 if the password was looked at."""
    return await wait_of(house.auth.sessions.log_in(email, password, client or elsewhere()))


async def guesses(house: House, count: int, email: str = EMAIL, **given: Any) -> list[int]:
    """The waits of this many guesses in a row."""
    return [await guess(house, email, **given) for _ in range(count)]


async def block(house: House, email: str = EMAIL) -> None:
    """Let strangers guess until the account is blocked."""
    assert await guesses(house, GUESSES.free, email) == [0] * GUESSES.free
    assert await guess(house, email) > 0


@contextmanager
def verified(*all_auth: Auth) -> Iterator[list[int]]:
    """A list with one item for each hash that is computed within the block."""
    done: list[int] = []
    for auth in all_auth:
        submit = auth.passwords.queue._pool.submit

        def counted(work: Any, *args: Any, submit: Any = submit) -> Any:
            done.append(1)
            return submit(work, *args)

        auth.passwords.queue._pool.submit = counted  # type: ignore[method-assign, assignment]
    yield done


# guesses at one account


async def test_ten_guesses_are_free_and_then_the_waits_grow(each_limited: House) -> None:
    """Waits grow from 5 seconds to 5 minutes wherever guesses come from, and a caller who waits is let through
    (item 25)."""
    house = each_limited
    await house.make_user()
    assert await guesses(house, 10) == [0] * 10
    waits = []
    for _ in WAITS:
        wait = await guess(house)
        waits.append(wait)
        house.clock.step(seconds=wait - 1)
        assert await guess(house) == 1
        house.clock.step(seconds=1)
        assert await guess(house) == 0
    assert waits == WAITS


async def test_a_refused_guess_is_not_looked_at(limited: House) -> None:
    """While the account is blocked, even the right password is refused and no hash is computed."""
    await limited.make_user()
    await block(limited)
    with verified(limited.auth) as done:
        assert await guess(limited, password=PASSWORD) == 5
    assert done == []


async def test_the_refusal_says_how_long_to_wait(limited: House) -> None:
    """The wait is rounded up, in whole seconds for machines and in words for people."""
    await limited.make_user()
    await block(limited)
    limited.clock.step(milliseconds=1)
    with pytest.raises(TooManyRequests) as refused:
        await limited.auth.sessions.log_in(EMAIL, WRONG, API)
    assert (refused.value.retry_after, refused.value.message) == (
        5,
        "There were too many tries. Please wait 5 seconds.",
    )


async def test_every_spelling_of_an_address_is_one_counter(limited: House) -> None:
    """Capitals, blanks and full-width letters give no more guesses, on the pages or on the API."""
    await limited.make_user()
    for spelling in ("ada@example.com", "ADA@example.com", " Ada@EXAMPLE.com ", "\uff41da@example.com", EMAIL):
        assert await guess(limited, spelling, client=elsewhere(id=API_CLIENT)) == 0
        assert await guess(limited, spelling, client=elsewhere(id=WEB_CLIENT)) == 0
    assert await guess(limited, "aDa@example.com") > 0


@pytest.mark.parametrize("reason", ["unknown", "disabled", "not verified", "no address", "a lone surrogate"])
async def test_an_account_that_nobody_can_enter_is_limited_alike(tmp_path: Path, reason: str) -> None:
    """It gets the same number of guesses, the same waits and the same words as after a wrong password
    (item 23)."""
    needs_verified = reason == "not verified"
    url = f"sqlite:///{tmp_path / 'duet.db'}"
    async with house_on(url, rate_limits=True, require_verified_email=needs_verified) as house:
        await house.make_user(is_email_verified=True)
        other = {"unknown": "nobody@example.com", "no address": "nobody", "a lone surrogate": "\ud800"}.get(reason)
        if other is None:
            user = await house.make_user(other := "grace@example.com")
            if reason == "disabled":
                await house.auth.administration.set_active(user.id, False, API)

        async def told(email: str) -> list[tuple[type, str, int]]:
            all_told = []
            # The other account gets the right password and is refused for another reason.
            password = PASSWORD if email == other else WRONG
            for _ in range(GUESSES.free + 3):
                with pytest.raises((InvalidCredentials, TooManyRequests)) as refused:
                    await house.auth.sessions.log_in(email, password, elsewhere())
                all_told.append((refused.type, refused.value.message, getattr(refused.value, "retry_after", 0)))
            return all_told

        assert await told(other) == await told(EMAIL)


async def test_known_and_unknown_accounts_take_the_same_steps(limited: House) -> None:
    """The store sees the same steps, let through or refused, with another person's device cookie or none
    (item 23)."""
    await limited.make_user()
    other = await limited.make_user("grace@example.com")
    device = (await limited.auth.sessions.log_in(other.email, PASSWORD, WEB)).device or ""
    store: Any = CountingStore(limited.store)
    auth = build_auth(config(rate_limits=True), secrets=(SECRET,), store=store, clock=limited.clock)
    try:
        steps = {}
        for email in (EMAIL, "nobody@example.com"):
            store.calls.clear()
            for number in range(GUESSES.free + 3):
                devices = (device,) if number % 2 else ()
                await wait_of(auth.sessions.log_in(email, WRONG, elsewhere(id=WEB_CLIENT, devices=devices)))
            steps[email] = list(store.calls)
        assert steps[EMAIL] == steps["nobody@example.com"]
        assert steps[EMAIL].count("add_audit_event") == GUESSES.free + 1
    finally:
        auth.passwords.close()


async def test_the_right_password_wipes_the_slate(each_limited: House) -> None:
    """Nine wrong passwords, the right one, and nine wrong ones again cause no wait."""
    house = each_limited
    await house.make_user()
    for _ in range(3):
        assert await guesses(house, 9) == [0] * 9
        assert await guess(house, password=PASSWORD) == 0
    await house.auth.sessions.log_in(EMAIL, PASSWORD, API)


async def test_guesses_are_forgotten_after_a_day(limited: House) -> None:
    """The day is counted from the first guess."""
    await limited.make_user()
    assert await guesses(limited, 9) == [0] * 9
    limited.clock.step(days=1)
    assert await guesses(limited, 10) == [0] * 10
    assert await guess(limited) == 5


async def test_one_account_s_guesses_are_not_another_s(limited: House) -> None:
    """Only the account that was guessed at is blocked."""
    await limited.make_user()
    await limited.make_user("grace@example.com")
    await block(limited)
    await limited.auth.sessions.log_in("grace@example.com", PASSWORD, elsewhere())


async def test_of_two_hundred_guesses_at_once_ten_are_looked_at(each_limited: House) -> None:
    """The right password helps only if it is among the ten that are looked at (item 25)."""
    house = each_limited
    await house.make_user()
    with verified(house.auth) as done:
        waits = await asyncio.gather(*[guess(house) for _ in range(200)])
    assert sum(wait == 0 for wait in waits) == len(done) == GUESSES.free
    assert {wait for wait in waits if wait} == {5}


async def test_a_restart_forgets_no_guess(database_url: str) -> None:
    """The counters are kept in the store, whichever it is (item 25)."""
    async with house_on(database_url, rate_limits=True) as house:
        await house.make_user()
        await block(house)
    async with house_on(database_url, rate_limits=True, clock=house.clock) as again:
        assert await guess(again, password=PASSWORD) == 5


async def test_processes_on_one_store_count_together(database_url: str) -> None:
    """Five guesses in each of two processes make ten, one after the other or at the same moment (item 25)."""
    async with (
        house_on(database_url, rate_limits=True) as one,
        house_on(database_url, rate_limits=True, clock=one.clock) as other,
    ):
        await one.make_user()
        for _ in range(5):
            assert [await guess(one), await guess(other)] == [0, 0]
        assert [await guess(one), await guess(other)] == [5, 5]
        with verified(one.auth, other.auth) as done:
            await asyncio.gather(*[guess(house, "nobody@example.com") for house in (one, other) * 30])
        assert len(done) == GUESSES.free


async def test_without_limits_nobody_waits(house: House) -> None:
    """With RATE_LIMITS=0, which is for benchmarks and tests, nothing is even counted."""
    await house.make_user()
    assert await guesses(house, 30) == [0] * 30
    for _ in range(10):
        await house.auth.credentials.forgot(EMAIL, API)
    auth = build_auth(config(rate_limits=True), secrets=(SECRET,), store=house.store, clock=house.clock)
    try:
        assert await guess(House(auth, house.store, house.clock)) == 0
        await auth.credentials.forgot(EMAIL, API)
    finally:
        auth.passwords.close()


async def test_who_was_too_busy_to_look_counts_nothing(limited: House) -> None:
    """A flood that fills the hash queue costs nobody a guess."""
    await limited.make_user()
    assert await guesses(limited, 9) == [0] * 9
    limited.auth.passwords.queue._running += 1000
    limited.auth.passwords.queue._seconds_per_hash += 1
    for _ in range(20):
        with pytest.raises(TooBusy):
            await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)
    limited.auth.passwords.queue._running -= 1000
    assert await guess(limited) == 0
    assert await guess(limited) == 5


# one's own device, one's own session


async def device_of(house: House, email: str = EMAIL) -> Client:
    """A browser with which the owner has logged in before."""
    pair = await house.auth.sessions.log_in(email, PASSWORD, elsewhere(id=WEB_CLIENT))
    assert pair.device is not None
    return elsewhere(id=WEB_CLIENT, devices=(pair.device,))


async def test_the_owner_s_browser_gets_past_a_stranger_s_block(each_limited: House) -> None:
    """It gets past at once and as often as it likes, while the stranger goes on guessing (item 26, ASVS
    V6.1.1)."""
    house = each_limited
    await house.make_user()
    browser = await device_of(house)
    await block(house)
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, browser)
    house.auth.sessions.authenticate(pair.access_token)
    await block(house)
    await house.auth.sessions.log_in(EMAIL, PASSWORD, browser)


async def test_the_owner_s_browser_has_five_guesses_of_its_own(limited: House) -> None:
    """A thief of the device cookie gets only five more guesses, and then the same growing waits."""
    await limited.make_user()
    browser = await device_of(limited)
    await block(limited)
    assert await guesses(limited, OWN_GUESSES.free, client=browser) == [0] * 5
    assert await guess(limited, client=browser) == 5
    assert await guess(limited, password=PASSWORD, client=browser) == 5
    limited.clock.step(seconds=5)
    assert await guess(limited, client=browser) == 0
    assert await guess(limited, client=browser) in (5, 10)
    limited.clock.step(seconds=10)
    await limited.auth.sessions.log_in(EMAIL, PASSWORD, browser)


async def test_no_other_device_gets_past(limited: House) -> None:
    """A device of another account, an id that auth never gave, and an empty id are all blocked."""
    await limited.make_user()
    await limited.make_user("grace@example.com")
    foreign = await device_of(limited, "grace@example.com")
    await block(limited)
    planted = Client(WEB_CLIENT, ip="192.0.2.9", devices=("A" * 22, "", "\0"))
    for stranger in (foreign, planted, Client(WEB_CLIENT, ip="192.0.2.9")):
        assert await guess(limited, password=PASSWORD, client=stranger) == 5


async def test_the_owner_s_browser_gets_past_a_blocked_network(limited: House) -> None:
    """A stranger in the same office, or behind the same proxy, may guess at any accounts meanwhile (item 26)."""
    await limited.make_user()
    browser = replace(await device_of(limited), ip=API.ip)
    pair = await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)
    for number in range(ADDRESS_GUESSES.free):
        await guess(limited, f"nobody{number}@example.com", client=API)
    assert await guess(limited, password=PASSWORD, client=API) > 0
    await limited.auth.sessions.log_in(EMAIL, PASSWORD, browser)
    await limited.auth.sessions.confirm_password(pair.principal, PASSWORD, API)


async def test_what_the_owner_s_browser_gets_past_is_all_that_does_not_count(each_limited: House) -> None:
    """Guesses at a blocked account still count for the network, and those from a blocked network for the
    account."""
    throttle = each_limited.auth.proving.throttle

    async def waits(count: int, email: str, ip: str, own: str | None = None) -> list[int]:
        return [await wait_of(throttle.guess(email, ip=ip, recognised_as=own)) for _ in range(count)]

    assert await waits(GUESSES.free, EMAIL, "") == [0] * GUESSES.free
    assert await waits(3, EMAIL, API.ip, own="browser") == [0] * 3
    for number in range(ADDRESS_GUESSES.free - 3):
        assert await waits(1, f"nobody{number}", API.ip) == [0]
    assert await waits(1, "nobody", API.ip) == [5]
    other = "grace@example.com"
    assert await waits(OWN_GUESSES.free + 1, other, API.ip, own="browser") == [0] * OWN_GUESSES.free + [5]
    assert await waits(GUESSES.free - OWN_GUESSES.free + 1, other, "") == [0] * 5 + [5]


async def test_a_signed_in_person_can_confirm_while_strangers_guess(each_limited: House) -> None:
    """A session has five tries of its own, and a thief of the session gets no more (item 26)."""
    house = each_limited
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await block(house)
    await house.auth.sessions.confirm_password(pair.principal, PASSWORD, API)
    await block(house)
    confirm = house.auth.sessions.confirm_password
    waits = [await wait_of(confirm(pair.principal, WRONG, API)) for _ in range(OWN_GUESSES.free + 1)]
    assert waits == [0] * OWN_GUESSES.free + [5]
    assert await wait_of(confirm(pair.principal, PASSWORD, API)) == 5


async def test_personal_tokens_have_no_guesses_of_their_own(limited: House) -> None:
    """Otherwise a thief of a session could make any number of tokens, each with five more guesses (item 25)."""
    await limited.make_user()
    pair = await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)
    looked_at = 0
    for _ in range(5):
        _, text = await limited.auth.personal_tokens.create(pair.principal, "script", API)
        script = await limited.auth.personal_tokens.authenticate(text)
        for _ in range(OWN_GUESSES.free):
            wait = await wait_of(limited.auth.own_account.delete(script, WRONG, elsewhere()))
            looked_at += not wait
    assert looked_at == GUESSES.free


async def test_wrong_confirmations_count_for_the_account(limited: House) -> None:
    """A thief of a session and a stranger at the login share the ten guesses (item 25)."""
    await limited.make_user()
    pair = await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)
    for _ in range(5):
        assert await wait_of(limited.auth.sessions.confirm_password(pair.principal, WRONG, elsewhere())) == 0
        assert await guess(limited) == 0
    assert await guess(limited) == 5


async def test_the_owner_s_success_gives_a_stranger_no_more_than_ten(limited: House) -> None:
    """A success clears only its own account's counter, not that of another account or of the network."""
    await limited.make_user()
    await limited.make_user("grace@example.com")
    await block(limited)
    browser = await device_of(limited, "grace@example.com")
    await limited.auth.sessions.log_in("grace@example.com", PASSWORD, browser)
    assert await guess(limited) > 0


# one network


@pytest.mark.parametrize(
    ("blocked", "same", "other"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
    ],
    ids=["IPv4", "IPv6", "IPv4 in IPv6"],
)
async def test_a_network_has_two_hundred_wrong_guesses(
    limited: House, blocked: str, same: str, other: str
) -> None:
    """The accounts do not matter, an IPv6 customer owns a whole /64, and an IPv4 address has two spellings."""
    for number in range(ADDRESS_GUESSES.free):
        assert await guess(limited, f"nobody{number}@example.com", client=Client(API_CLIENT, ip=blocked)) == 0
    fresh = "nobody@example.com"
    assert await guess(limited, fresh, client=Client(API_CLIENT, ip=blocked)) == 5
    assert await guess(limited, fresh, client=Client(WEB_CLIENT, ip=same)) == 5
    assert await guess(limited, fresh, client=Client(API_CLIENT, ip=other)) == 0


async def test_an_office_logs_in_as_often_as_it_likes(limited: House) -> None:
    """Right passwords, and guesses at blocked accounts, are taken back from the network's counter."""
    await limited.make_user()
    await block(limited, "nobody@example.com")
    for _ in range(ADDRESS_GUESSES.free + 1):
        assert await guess(limited, password=PASSWORD, client=API) == 0
        assert await guess(limited, "nobody@example.com", client=API) == 5
    assert await guess(limited, client=API) == 0


async def test_an_unknown_network_is_not_limited(limited: House) -> None:
    """A client without an IP address, such as the command line, has no network; the account's counter still
    holds."""
    assert await guesses(limited, GUESSES.free + 1, client=Client(API_CLIENT)) == [0] * GUESSES.free + [5]


async def test_a_network_registers_a_hundred_and_fifty_times(limited: House) -> None:
    """An office that starts together can register, while a flood of attempts is stopped, successful or not."""
    register = limited.auth.registration.register
    for number in range(REGISTRATIONS.free):
        client = Client(WEB_CLIENT, ip=f"2001:db8::{number:x}")
        assert await wait_of(register(f"user{number}@example.com", "short", "", client)) == 0
    assert await wait_of(register(EMAIL, PASSWORD, "", Client(API_CLIENT, ip="2001:db8::ffff"))) == 60
    assert await wait_of(register(EMAIL, PASSWORD, "", Client(API_CLIENT, ip="2001:db8:0:1::1"))) == 0


# mails and tokens


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
async def test_an_address_gets_five_mails_of_a_kind(each_limited: House, email: str) -> None:
    """This holds whether or not the email address has an account; then waits of two minutes and more begin
    (item 23)."""
    await each_limited.make_user()
    for ask in (each_limited.auth.credentials.forgot, each_limited.auth.addresses.resend):
        for _ in range(MAILS.free):
            await ask(email, elsewhere())
        assert await wait_of(ask(email.upper(), elsewhere())) == 120
        each_limited.clock.step(seconds=120)
        assert await wait_of(ask(email, elsewhere())) == 0
        assert await wait_of(ask(email, elsewhere())) == 240


async def test_mails_that_nobody_gets_keep_nobody_from_a_new_password(limited: House) -> None:
    """A stranger may ask again and again to confirm an email address that is confirmed already (item 26)."""
    await limited.make_user(is_email_verified=True)
    while not await wait_of(limited.auth.addresses.resend(EMAIL, elsewhere())):
        pass
    await limited.auth.credentials.forgot(EMAIL, elsewhere())


async def test_resending_keeps_nobody_from_registering(tmp_path: Path) -> None:
    """A stranger may ask again and again to confirm an email address that nobody has yet (item 26)."""
    database = f"sqlite:///{tmp_path / 'duet.db'}"
    async with house_on(database, rate_limits=True, require_verified_email=True) as house:
        while not await wait_of(house.auth.addresses.resend(EMAIL, elsewhere())):
            pass
        assert await house.auth.registration.register(EMAIL, PASSWORD, "", elsewhere()) is None
        assert [mail.kind for mail in await house.mails()].count(LetterKind.VERIFY_EMAIL) >= 1


async def test_an_account_made_at_a_stranger_s_address_is_no_mail_bomb(each_limited: House) -> None:
    """An unconfirmed email address can be anybody's, so mails about logins, passwords and deletions are
    limited."""
    house, auth = each_limited, each_limited.auth
    kinds: Counter[str] = Counter()
    spellings = itertools.cycle([EMAIL, "ADA@example.com", "\uff41da@EXAMPLE.com"])
    for _ in range(NOTICES.free + 3):
        user = await auth.registration.register(next(spellings), PASSWORD, "", elsewhere())
        assert user is not None
        pair = await auth.sessions.log_in(EMAIL, PASSWORD, elsewhere(user_agent="0"))
        await auth.sessions.log_in(EMAIL, PASSWORD, elsewhere(user_agent="1"))
        await auth.credentials.change_password(pair.principal, PASSWORD, OTHER_PASSWORD, API)
        await auth.credentials.change_password(pair.principal, OTHER_PASSWORD, PASSWORD, API)
        await auth.addresses.request_change(pair.principal, PASSWORD, f"{user.id}@example.com", elsewhere())
        kinds.update(mail.kind for mail in await house.mails() if mail.to == user.email)
        await auth.own_account.delete(pair.principal, PASSWORD, API)
        kinds.update(mail.kind for mail in await house.mails())
    assert kinds == {
        LetterKind.VERIFY_EMAIL: NOTICES.free,
        LetterKind.NEW_DEVICE: NOTICES.free,
        LetterKind.PASSWORD_CHANGED: NOTICES.free,
        LetterKind.EMAIL_CHANGE_REQUESTED: NOTICES.free,
        LetterKind.ACCOUNT_DELETED: NOTICES.free,
    }


async def test_a_network_causes_fifty_mails(limited: House) -> None:
    """The limit counts mails of all kinds to all email addresses."""
    for number in range(ADDRESS_MAILS.free):
        ask = limited.auth.credentials.forgot if number % 2 else limited.auth.addresses.resend
        await ask(f"user{number}@example.com", API)
    assert await wait_of(limited.auth.credentials.forgot(EMAIL, API)) == 60
    assert await wait_of(limited.auth.addresses.resend(EMAIL, API)) == 60
    assert await wait_of(limited.auth.credentials.forgot(EMAIL, WEB)) == 0


async def test_looking_for_a_good_password_costs_no_mail(limited: House) -> None:
    """Someone who needs more tries than there are mails in an hour can still register."""
    for _ in range(MAILS.free + 3):
        with pytest.raises(PasswordUnacceptable):
            await limited.auth.registration.register(EMAIL, "short", "", API)
    assert await limited.auth.registration.register(EMAIL, PASSWORD, "", API) is not None


async def test_refresh_tokens_that_are_no_good_are_limited(limited: House) -> None:
    """The limit is the network's; good refresh tokens and logins from the same office still work."""
    await limited.make_user()
    pair = await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)
    for _ in range(TOKENS.free):
        assert await wait_of(limited.auth.refreshing.refresh("duet_rt_rubbish", API)) == 0
    assert await wait_of(limited.auth.refreshing.refresh("duet_rt_rubbish", API)) == 5
    await limited.auth.refreshing.refresh(pair.refresh_token or "", API)
    await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)


# what is kept and told


async def test_the_audit_log_tells_of_a_lockout_once_in_a_while(limited: House) -> None:
    """The log says who was locked out and from where, but not for each guess of a flood (item 36)."""
    user = await limited.make_user()
    await block(limited)
    await guesses(limited, 50)
    [told] = (await limited.store.audit_events(event="login_blocked")).items
    assert told.user_id == user.id
    assert told.ip.startswith("198.18.")
    for _ in range(3):
        limited.clock.step(minutes=5)
        await guesses(limited, 5)
    assert len((await limited.store.audit_events(event="login_blocked")).items) == 4
    for number in range(ADDRESS_GUESSES.free + 20):
        await guess(limited, f"nobody{number}@example.com", client=API)
    [network, *_] = (await limited.store.audit_events(event="login_blocked")).items
    assert (network.user_id, network.ip) == ("", API.ip)
    assert len((await limited.store.audit_events(event="login_blocked")).items) == 5


async def test_the_counters_show_no_address(tmp_path: Path) -> None:
    """A reader of the database learns neither whose account was tried nor from which IP address."""
    url = f"sqlite:///{tmp_path / 'duet.db'}"
    async with house_on(url, rate_limits=True) as house:
        for _ in range(12):
            await guess(house, "somebody.private@example.com", client=Client("cli", ip="203.0.113.77"))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"somebody.private" not in kept
    assert b"account:" in kept
