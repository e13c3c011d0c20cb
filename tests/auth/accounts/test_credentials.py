"""Passwords are replaced by a mailed link, by their owner or by the operator, and some rights end with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.auth.errors import (
    AuthError,
    InvalidCredentials,
    InvalidGrant,
    LinkInvalid,
    NotFound,
    PasswordChanged,
    RightsChanged,
    SessionRevoked,
    TokenInvalid,
    TooBusy,
    WrongPassword,
)
from app.auth.models import LetterKind, LinkPurpose, SessionOfUser
from app.auth.refusals import EmailInvalid, PasswordUnacceptable
from app.auth.sessions.endings import why_ended
from tests.auth.house import API, OTHER_PASSWORD, WEB, House, counting, house_on
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"


async def reset_token(house: House, email: str = EMAIL) -> str:
    """The token from the mail about a forgotten password."""
    await house.auth.credentials.forgot(email, WEB)
    return await house.mailed_token(LetterKind.RESET_PASSWORD, email)


async def lets_in(house: House, password: str) -> bool:
    """Whether the password logs in."""
    try:
        await house.auth.sessions.log_in(EMAIL, password, API)
    except InvalidCredentials:
        return False
    return True


# by the mailed link


async def test_a_reset_ends_all_that_the_old_password_opened(each_house: House) -> None:
    """A reset ends all sessions and all tokens, tells the owner, and logs nobody in."""
    house = each_house
    user = await house.make_user()
    pairs = [await house.auth.sessions.log_in(EMAIL, PASSWORD, client) for client in (API, WEB)]
    _, personal = await house.auth.personal_tokens.create(pairs[0].principal, "script", API)
    token = await reset_token(house)
    await house.auth.credentials.peek_reset(token)
    await house.auth.credentials.reset(token, OTHER_PASSWORD, WEB)
    for pair in pairs:
        with pytest.raises(PasswordChanged):
            house.auth.sessions.authenticate(pair.access_token)
    with pytest.raises(InvalidGrant):
        await house.auth.refreshing.refresh(pairs[0].refresh_token or "", API)
    with pytest.raises(TokenInvalid):
        await house.auth.personal_tokens.authenticate(personal)
    assert await house.store.tokens_of(user.id) == []
    assert await house.store.sessions_of(user.id, now=house.clock.now()) == []
    assert not await lets_in(house, PASSWORD)
    assert (await house.stored(user.id)).is_email_verified
    [told] = [mail for mail in await house.mails() if mail.kind is LetterKind.PASSWORD_CHANGED]
    assert told.to == EMAIL
    assert "password_reset" in await house.events()
    assert await lets_in(house, OTHER_PASSWORD)


async def test_a_reset_link_works_once(each_house: House) -> None:
    """Of twenty uses at the same moment one replaces the password, and an earlier link is void as well."""
    house = each_house
    await house.make_user()
    older, token = await reset_token(house), await reset_token(house)
    words = [f"a wholly other phrase {number}" for number in range(20)]
    outcomes = await asyncio.gather(
        *[house.auth.credentials.reset(token, word, WEB) for word in words], return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert sum(isinstance(one, LinkInvalid) for one in outcomes) == 19
    assert await lets_in(house, words[outcomes.index(None)])
    for void in (older, token):
        for use in (house.auth.credentials.peek_reset(void), house.auth.credentials.reset(void, PASSWORD, WEB)):
            with pytest.raises(LinkInvalid):
                await use


async def test_two_reset_links_at_once_leave_one_password(each_house: House) -> None:
    """The link that is used first sets the password, and the other one no longer counts."""
    house = each_house
    await house.make_user()
    tokens = [await reset_token(house), await reset_token(house)]
    words = ["first new password of mine", "second new password of mine"]
    outcomes = await asyncio.gather(
        *[house.auth.credentials.reset(token, word, WEB) for token, word in zip(tokens, words, strict=True)],
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes if one is not None] == [LinkInvalid]
    assert await lets_in(house, words[outcomes.index(None)])


async def test_a_reset_link_lives_for_half_an_hour(house: House) -> None:
    """The half hour begins when the link is mailed (item 24)."""
    await house.make_user()
    token = await reset_token(house)
    house.clock.step(minutes=30)
    with pytest.raises(LinkInvalid):
        await house.auth.credentials.reset(token, OTHER_PASSWORD, WEB)
    token = await reset_token(house)
    house.clock.step(minutes=30, seconds=-1)
    await house.auth.credentials.reset(token, OTHER_PASSWORD, WEB)


async def test_a_refused_password_leaves_the_link(house: House) -> None:
    """The link survives a password that is too short, too long or not text, and a server too busy to hash it."""
    await house.make_user()
    token = await reset_token(house)
    for bad in ("short", "x" * 1025, "\ud800" * 20):
        with pytest.raises(PasswordUnacceptable):
            await house.auth.credentials.reset(token, bad, WEB)
    house.auth.passwords.queue._running += 1000
    house.auth.passwords.queue._seconds_per_hash += 1
    with pytest.raises(TooBusy):
        await house.auth.credentials.reset(token, OTHER_PASSWORD, WEB)
    house.auth.passwords.queue._running -= 1000
    await house.auth.credentials.reset(token, OTHER_PASSWORD, WEB)


@pytest.mark.parametrize("why", ["disabled", "deleted", "another address", "changed", "set"])
async def test_a_reset_link_that_was_overtaken_does_not_count(house: House, why: str) -> None:
    """A link is void once the account or its password has changed since it was mailed (item 24)."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    token = await reset_token(house)
    if why == "disabled":
        await house.auth.administration.set_active(user.id, False, API)
    elif why == "deleted":
        await house.auth.administration.delete(user.id, API)
    elif why == "another address":
        await house.store.set_email(user.id, "ada@new.example", "ada@new.example", expected_key=EMAIL)
    elif why == "changed":
        await house.auth.credentials.change_password(pair.principal, PASSWORD, OTHER_PASSWORD, API)
    else:
        await house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
    for use in (
        house.auth.credentials.peek_reset(token),
        house.auth.credentials.reset(token, "a wholly other phrase", WEB),
    ):
        with pytest.raises(LinkInvalid):
            await use


async def test_forgotten_passwords_take_the_same_steps_for_every_address(house: House) -> None:
    """Known, unknown and disabled accounts get one letter, one audit row and no look-up (item 23)."""
    await house.make_user()
    off = await house.make_user("off@example.com")
    await house.auth.administration.set_active(off.id, False, API)
    async with counting(house) as (auth, store):
        steps = []
        for ask in (auth.credentials.forgot, auth.addresses.resend):
            for email in (EMAIL, "nobody@example.com", "off@example.com"):
                store.calls.clear()
                await ask(email, WEB)
                steps.append(tuple(store.calls))
        assert set(steps) == {("add_letter", "add_audit_event"), ("add_letter",)}
        assert [len(one) for one in steps] == [2, 2, 2, 1, 1, 1]
        for bad in ("nonsense", "", "\ud800@example.com"):
            with pytest.raises(EmailInvalid):
                await auth.credentials.forgot(bad, WEB)
    assert {mail.to for mail in await house.mails()} == {EMAIL}


async def test_a_reset_unblocks_the_account(limited: House) -> None:
    """Reading the mailbox proves the owner, who need not wait because of what strangers did (item 26)."""
    await limited.make_user()
    for number in range(12):
        with pytest.raises(AuthError):
            await limited.auth.sessions.log_in(EMAIL, OTHER_PASSWORD, replace(API, ip=f"192.0.2.{number}"))
    await limited.auth.credentials.reset(await reset_token(limited), OTHER_PASSWORD, WEB)
    await limited.auth.sessions.log_in(EMAIL, OTHER_PASSWORD, API)


async def test_a_reset_puts_a_squatter_out(house: House) -> None:
    """Someone who registered another person's email address first keeps no way in after the reset
    (pre-hijacking)."""
    await house.auth.registration.register(EMAIL, PASSWORD, "Mallory", API)
    squatter = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    _, personal = await house.auth.personal_tokens.create(squatter.principal, "back door", API)
    await house.auth.addresses.request_change(squatter.principal, PASSWORD, "mallory@example.com", API)
    back_door = await house.mailed_token(LetterKind.CHANGE_EMAIL, "mallory@example.com")
    await house.auth.addresses.request_change(squatter.principal, PASSWORD, "mallory@example.com", API)
    await house.auth.credentials.reset(await reset_token_of_many(house), OTHER_PASSWORD, WEB)
    for mail in await house.mails():
        assert mail.to == EMAIL
    with pytest.raises(LinkInvalid):
        await house.auth.addresses.verify(back_door, API)
    with pytest.raises(PasswordChanged):
        house.auth.sessions.authenticate(squatter.access_token)
    with pytest.raises(TokenInvalid):
        await house.auth.personal_tokens.authenticate(personal)
    assert not await lets_in(house, PASSWORD)


async def reset_token_of_many(house: House) -> str:
    """The token of a reset while other letters wait, and go on waiting."""
    await house.auth.credentials.forgot(EMAIL, WEB)
    waiting = []
    token = ""
    now = house.clock.now()
    while (letter := await house.store.claim_letter(now=now, until=now.replace(year=now.year + 1))) is not None:
        waiting.append(letter)
        if letter.kind == LetterKind.RESET_PASSWORD:
            mail = await house.auth.letters.resolve(letter)
            assert mail is not None
            token = mail.link.rpartition("/")[2]
    for letter in waiting:
        await house.store.put_letter_off(letter.id, due_at=now)
    return token


async def test_a_personal_token_made_during_a_reset_ends_with_it(database_url: str) -> None:
    """A token made by an ended session ends too, in a process that has not yet heard of the reset (item 12)."""
    async with house_on(database_url) as house, house_on(database_url, clock=house.clock) as other:
        user = await house.make_user()
        pair = await other.auth.sessions.log_in(EMAIL, PASSWORD, API)
        await house.auth.credentials.reset(await reset_token(house), OTHER_PASSWORD, WEB)
        principal = other.auth.sessions.authenticate(pair.access_token)
        with pytest.raises(SessionRevoked):
            await other.auth.personal_tokens.create(principal, "back door", API)
        assert await house.store.tokens_of(user.id) == []


async def test_a_login_with_the_old_password_that_meets_a_reset_fails(each_house: House) -> None:
    """After many logins at the moment of a reset, no session of the old password is alive (item 12)."""
    house = each_house
    user = await house.make_user()
    token = await reset_token(house)
    outcomes = await asyncio.gather(
        *[house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(10)],
        house.auth.credentials.reset(token, OTHER_PASSWORD, WEB),
        *[house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(10)],
        return_exceptions=True,
    )
    assert outcomes[10] is None
    assert await house.store.sessions_of(user.id, now=house.clock.now()) == []


async def test_a_reset_is_told_at_once(house: House) -> None:
    """To the sender of the mail, and to whoever shows a token of a session that nobody has listed as ended."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    token, woken = await reset_token(house), asyncio.Event()
    house.auth.letters.wake_by(woken.set)
    await house.auth.credentials.reset(token, OTHER_PASSWORD, WEB)
    assert woken.is_set()
    assert house.auth.audit.counts["password_reset"] == 1
    with pytest.raises(RightsChanged):
        house.auth.revocations.check(replace(pair.principal, session_id="of another process"))


async def test_an_older_session_ends_by_the_password(house: House) -> None:
    """Nobody has ended it, and it does not count any more: its owner is told why."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    found = await house.store.session_with_user(pair.principal.session_id)
    assert found is not None
    later = SessionOfUser(found.session, replace(found.user, credentials_version=1))
    assert isinstance(why_ended(later), PasswordChanged)


# by the owner, who knows the old one


async def test_a_change_keeps_the_session_that_made_it(each_house: House) -> None:
    """A change ends the other sessions, voids mailed links and tells the owner; personal access tokens stay
    (item 24)."""
    house = each_house
    user = await house.make_user()
    own, other = [await house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(2)]
    _, personal = await house.auth.personal_tokens.create(own.principal, "script", API)
    token = await reset_token(house)
    await house.auth.credentials.change_password(own.principal, PASSWORD, OTHER_PASSWORD, API)
    house.auth.sessions.authenticate(own.access_token)
    await house.auth.refreshing.refresh(own.refresh_token or "", API)
    with pytest.raises(PasswordChanged):
        house.auth.sessions.authenticate(other.access_token)
    with pytest.raises(LinkInvalid):
        await house.auth.credentials.peek_reset(token)
    await house.auth.personal_tokens.authenticate(personal)
    assert [mail.kind for mail in await house.mails()] == [LetterKind.PASSWORD_CHANGED]
    [event, *_] = (await house.store.audit_events(user_id=user.id, event="password_changed")).items
    assert event.session_id == own.principal.session_id


async def test_the_old_password_that_meets_a_change_makes_nothing_fresh(house: House) -> None:
    """It was the password when it was checked. The session that changed it stays, and is no fresher."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    house.clock.step(minutes=10)
    async with counting(house) as (auth, store):
        store.after["user_by_id"] = lambda: house.auth.credentials.change_password(
            pair.principal, PASSWORD, OTHER_PASSWORD, API
        )
        with pytest.raises(WrongPassword):
            await auth.sessions.confirm_password(pair.principal, PASSWORD, API)
    found = await house.store.session_with_user(pair.principal.session_id)
    assert found is not None
    assert found.session.auth_time == pair.principal.auth_time


async def test_a_change_needs_the_current_password(house: House) -> None:
    """A change needs the current password, and fails if another change replaced that password in the meantime."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    change = house.auth.credentials.change_password
    for wrong in (OTHER_PASSWORD, "", "x" * 2000, "\ud800"):
        with pytest.raises(WrongPassword):
            await change(pair.principal, wrong, "a wholly other phrase", API)
    with pytest.raises(PasswordUnacceptable) as refused:
        await change(pair.principal, PASSWORD, "short", API)
    assert refused.value.field == "new_password"
    async with counting(house) as (auth, store):
        store.after["user_by_id"] = lambda: house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
        with pytest.raises(WrongPassword):
            await auth.credentials.change_password(pair.principal, PASSWORD, "a wholly other phrase", API)
    assert await lets_in(house, OTHER_PASSWORD)


# by the operator


async def test_a_set_password_ends_every_session(house: House) -> None:
    """Setting a password ends all sessions and personal access tokens and tells the owner; it creates no
    account."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.personal_tokens.create(pair.principal, "a script", API)
    await house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
    assert await house.store.tokens_of(user.id) == []
    with pytest.raises(PasswordChanged):
        house.auth.sessions.authenticate(pair.access_token)
    assert [mail.kind for mail in await house.mails()] == [LetterKind.PASSWORD_CHANGED]
    with pytest.raises(NotFound):
        await house.auth.credentials.set_password("nobody", OTHER_PASSWORD, API)
    with pytest.raises(PasswordUnacceptable):
        await house.auth.credentials.set_password(user.id, "short", API)
    assert await house.store.links_for(LinkPurpose.RESET_PASSWORD, now=house.clock.now()) == []


async def test_who_runs_the_site_has_the_last_word(house: House) -> None:
    """Where the owner changes the password at the same moment: it is set all the same, and told once."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    async with counting(house) as (auth, store):
        store.after["user_by_id"] = lambda: house.auth.credentials.change_password(
            pair.principal, PASSWORD, OTHER_PASSWORD, API
        )
        await auth.credentials.set_password(user.id, "a wholly other phrase", API)
    await house.auth.sessions.log_in(EMAIL, "a wholly other phrase", API)
    assert (await house.events()).count("password_changed") == 2
    assert (await house.stored(user.id)).credentials_version == 2
