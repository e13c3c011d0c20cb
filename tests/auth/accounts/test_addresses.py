"""Email addresses: a mailed link confirms one, and an account moves to a new one only with the password."""

from __future__ import annotations

import asyncio

import pytest

from app.auth.errors import LinkInvalid, WrongPassword
from app.auth.models import LetterKind, LinkPurpose, Principal, User
from app.auth.refusals import EmailInvalid, EmailTaken
from tests.auth.house import API, OTHER_PASSWORD, WEB, CountingStore, House, counting
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"
NEW = "ada@new.example"


async def log_in(house: House, email: str = EMAIL) -> Principal:
    """Log in and return the principal."""
    return (await house.auth.sessions.log_in(email, PASSWORD, API)).principal


async def change_token(house: House, principal: Principal, to: str = NEW) -> str:
    """The token that moves the account to another email address."""
    await house.auth.addresses.request_change(principal, PASSWORD, to, API)
    return await house.mailed_token(LetterKind.CHANGE_EMAIL, to)


async def test_a_link_verifies_once_under_parallel_calls(each_house: House) -> None:
    """A link confirms the address once, and looking at its page beforehand shows the address and uses nothing
    up."""
    house = each_house
    user = await house.make_user()
    await house.auth.addresses.resend(EMAIL.upper(), WEB)
    token = await house.mailed_token(LetterKind.VERIFY_EMAIL)
    for _ in range(2):
        assert (await house.auth.addresses.peek(token)).email == EMAIL
    assert not (await house.stored(user.id)).is_email_verified
    outcomes = await asyncio.gather(
        *[house.auth.addresses.verify(token, WEB) for _ in range(20)], return_exceptions=True
    )
    assert sum(isinstance(one, User) for one in outcomes) == 1
    assert sum(isinstance(one, LinkInvalid) for one in outcomes) == 19
    assert (await house.stored(user.id)).is_email_verified
    assert (await house.events()).count("email_verified") == 1


async def test_no_other_link_verifies(house: House) -> None:
    """A reset link, an invitation or any other text confirms no email address."""
    await house.make_user()
    await house.auth.credentials.forgot(EMAIL, WEB)
    invite = await house.auth.invitations.invite(None, API)
    reset = await house.mailed_token(LetterKind.RESET_PASSWORD)
    for token in (reset, house.auth.invitations.url(invite).rpartition("/")[2], "", "x" * 66):
        for use in (house.auth.addresses.peek(token), house.auth.addresses.verify(token, API)):
            with pytest.raises(LinkInvalid):
                await use


async def test_an_address_changes_when_the_new_one_confirms(each_house: House) -> None:
    """The new address counts only once it is confirmed; the old one is told twice and then free, and sessions go
    on."""
    house = each_house
    user = await house.make_user("Ada@example.com")
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.addresses.request_change(pair.principal, PASSWORD, "Ada@new.example", API)
    assert await house.stored(user.id) == user
    told, asked = sorted(await house.mails(), key=lambda mail: mail.kind, reverse=True)
    assert (told.kind, told.to, told.params) == (
        LetterKind.EMAIL_CHANGE_REQUESTED,
        "Ada@example.com",
        {"new_email": "Ada@new.example"},
    )
    assert (asked.kind, asked.to) == (LetterKind.CHANGE_EMAIL, "Ada@new.example")
    token = asked.link.rpartition("/")[2]
    assert (await house.auth.addresses.peek(token)).email == "Ada@new.example"
    changed = await house.auth.addresses.verify(token, WEB)
    assert (changed.email, changed.email_key, changed.is_email_verified) == ("Ada@new.example", NEW, True)
    [mail] = await house.mails()
    assert (mail.kind, mail.to) == (LetterKind.EMAIL_CHANGED, "Ada@example.com")
    house.auth.sessions.authenticate(pair.access_token)
    await house.auth.sessions.log_in(NEW, PASSWORD, API)
    await house.make_user(EMAIL)
    with pytest.raises(LinkInvalid):
        await house.auth.addresses.verify(token, WEB)


async def test_a_change_needs_the_password_and_an_address(house: House) -> None:
    """Without the right password and a valid email address, nothing is mailed."""
    await house.make_user()
    principal = await log_in(house)
    with pytest.raises(WrongPassword):
        await house.auth.addresses.request_change(principal, OTHER_PASSWORD, NEW, API)
    with pytest.raises(EmailInvalid):
        await house.auth.addresses.request_change(principal, PASSWORD, "nonsense", API)
    assert await house.mails() == []


async def test_a_taken_address_is_asked_for_alike(house: House) -> None:
    """A taken address gets the same answer and the same steps; its owner is told, and no link is sent there
    (item 23)."""
    await house.make_user()
    await house.make_user("Grace@example.com")
    principal = await log_in(house)
    steps: list[list[str]] = []
    async with counting(house) as (auth, store):
        for email in ("GRACE@example.com", NEW):
            steps.append(await _steps(store, auth.addresses.request_change(principal, PASSWORD, email, API)))
    assert steps[0] == steps[1]
    mails = [(mail.kind, mail.to) for mail in await house.mails()]
    assert (LetterKind.ADDRESS_IN_USE, "Grace@example.com") in mails
    assert [to for kind, to in mails if kind is LetterKind.CHANGE_EMAIL] == [NEW]


async def _steps(store: CountingStore, work: object) -> list[str]:
    store.calls.clear()
    await work  # type: ignore[misc]
    return list(store.calls)


async def test_an_address_that_was_taken_meanwhile_stays_its_new_owner_s(each_house: House) -> None:
    """Following the link too late gives an error that says so, and the account keeps its old email address."""
    house = each_house
    user = await house.make_user()
    token = await change_token(house, await log_in(house))
    await house.make_user(NEW)
    with pytest.raises(EmailTaken):
        await house.auth.addresses.verify(token, WEB)
    assert await house.stored(user.id) == user


async def test_the_last_request_is_the_one_that_counts(house: House) -> None:
    """A mail that went to a mistyped address can no longer take the account after a second request."""
    await house.make_user()
    principal = await log_in(house)
    mistyped = await change_token(house, principal, "ada@mew.example")
    token = await change_token(house, principal)
    with pytest.raises(LinkInvalid):
        await house.auth.addresses.verify(mistyped, WEB)
    assert (await house.auth.addresses.verify(token, WEB)).email == NEW


async def test_another_spelling_of_one_s_own_address_is_a_change(house: House) -> None:
    """A new spelling of the same address is a change, and the account is found by both spellings."""
    user = await house.make_user()
    token = await change_token(house, await log_in(house), "ADA@example.com")
    assert (await house.auth.addresses.verify(token, WEB)).email == "ADA@example.com"
    assert (await house.auth.accounts.find(EMAIL)).id == user.id


async def test_what_was_mailed_to_the_old_address_opens_nothing(each_house: House) -> None:
    """After the move, links to confirm, to reset or to move again are void, including those still in the mail
    queue."""
    house = each_house
    await house.make_user()
    principal = await log_in(house)
    await house.auth.credentials.forgot(EMAIL, WEB)
    reset = await house.mailed_token(LetterKind.RESET_PASSWORD)
    await house.auth.addresses.resend(EMAIL, WEB)
    verify = await house.mailed_token(LetterKind.VERIFY_EMAIL)
    token = await change_token(house, principal)
    await house.auth.credentials.forgot(EMAIL, WEB)
    await house.auth.addresses.verify(token, WEB)
    with pytest.raises(LinkInvalid):
        await house.auth.credentials.reset(reset, OTHER_PASSWORD, WEB)
    with pytest.raises(LinkInvalid):
        await house.auth.addresses.verify(verify, WEB)
    assert [mail.kind for mail in await house.mails()] == [LetterKind.EMAIL_CHANGED]
    for purpose in (LinkPurpose.RESET_PASSWORD, LinkPurpose.VERIFY_EMAIL, LinkPurpose.CHANGE_EMAIL):
        assert await house.store.links_for(purpose, now=house.clock.now()) == []


async def test_a_disabled_account_is_not_moved(house: House) -> None:
    """A link from before does not move an account that is now disabled."""
    user = await house.make_user()
    token = await change_token(house, await log_in(house))
    await house.auth.administration.set_active(user.id, False, API)
    with pytest.raises(LinkInvalid):
        await house.auth.addresses.verify(token, WEB)
    assert (await house.stored(user.id)).email == EMAIL


async def test_a_change_that_meets_a_reset_comes_to_nothing(house: House) -> None:
    """A change fails if the password is replaced while a thief's proof of the old one is being checked
    (item 24)."""
    user = await house.make_user()
    principal = await log_in(house)
    async with counting(house) as (auth, store):
        store.after["add_link"] = lambda: house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
        with pytest.raises(WrongPassword):
            await auth.addresses.request_change(principal, PASSWORD, NEW, API)
    assert await house.store.links_for(LinkPurpose.CHANGE_EMAIL, now=house.clock.now()) == []
    async with counting(house) as (auth, store):
        store.after["remove_links"] = lambda: house.auth.credentials.set_password(user.id, PASSWORD, API)
        with pytest.raises(WrongPassword):
            await auth.addresses.request_change(principal, OTHER_PASSWORD, NEW, API)
    assert await house.store.links_for(LinkPurpose.CHANGE_EMAIL, now=house.clock.now()) == []
