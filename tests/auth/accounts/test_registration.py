"""Accounts begin by registering, by an invitation, or, for the first admin, by the link of the first start."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.auth.accounts.invitations import InviteLifetimeInvalid
from app.auth.errors import InvalidCredentials, LinkInvalid, NotFound, RegistrationClosed
from app.auth.models import LetterKind, Link, LinkPurpose, User
from app.auth.refusals import EmailInvalid, EmailTaken, NameInvalid, PasswordUnacceptable, RolesInvalid
from app.auth.service import build_auth
from tests.auth.house import API, ISSUER, OTHER_PASSWORD, WEB, House, config, house_on
from tests.kit.duet import PASSWORD, SECRET

EMAIL = "ada@example.com"


def token_of(house: House, link: Link) -> str:
    """The token of an invitation, as its URL has it."""
    return house.auth.invitations.url(link).rpartition("/")[2]


async def invite(house: House, **given: object) -> str:
    """The token of a new invitation."""
    return token_of(house, await house.auth.invitations.invite(None, API, **given))  # type: ignore[arg-type]


async def register(house: House, email: str = EMAIL, *, invite: str | None = None) -> User | None:
    """Register with `PASSWORD`."""
    return await house.auth.registration.register(email, PASSWORD, "Ada", WEB, invite=invite)


async def has_account(house: House, email: str = EMAIL) -> bool:
    """Whether the account exists."""
    try:
        await house.auth.accounts.find(email)
    except NotFound:
        return False
    return True


@contextlib.contextmanager
def closed_over(house: House) -> Iterator[House]:
    """The same site after its operator closed registration."""
    auth = build_auth(config(registration="closed"), secrets=(SECRET,), store=house.store, clock=house.clock)
    try:
        yield House(auth, house.store, house.clock)
    finally:
        auth.passwords.close()


@pytest.fixture
async def quiet(database_url: str) -> AsyncIterator[House]:
    """A site where email addresses have to be confirmed."""
    async with house_on(database_url, require_verified_email=True) as house:
        yield house


@pytest.fixture
async def invited_only(tmp_path: Path) -> AsyncIterator[House]:
    """A site that needs an invitation."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", registration="invite") as house:
        yield house


# by registering


async def test_whoever_registers_gets_a_link_and_may_log_in(each_house: House) -> None:
    """The email address counts as confirmed only once the link is followed, and nobody gets a role."""
    house = each_house
    user = await register(house)
    assert user is not None
    assert (user.name, user.roles, user.is_active, user.is_email_verified) == ("Ada", (), True, False)
    await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    await house.auth.addresses.verify(await house.mailed_token(LetterKind.VERIFY_EMAIL), WEB)
    assert (await house.stored(user.id)).is_email_verified
    [*_, event] = (await house.store.audit_events(user_id=user.id)).items
    assert (event.event, event.ip, event.actor_id) == ("registered", WEB.ip, "")


async def test_a_taken_address_is_told_where_nothing_has_to_be_verified(house: House) -> None:
    """A taken email address is refused in any spelling, and its account stays as it was."""
    user = await house.make_user(name="First")
    with pytest.raises(EmailTaken):
        await register(house, "ADA@example.com")
    assert await house.stored(user.id) == user
    assert await house.mails() == []


# where email addresses have to be confirmed


async def test_a_taken_and_a_free_address_are_answered_alike(quiet: House) -> None:
    """Both answers are empty and a mail follows: a link to the new address, news to the taken one's owner
    (item 23)."""
    await quiet.make_user(is_email_verified=True)
    for email in ("ADA@example.com", "new@example.com"):
        assert await register(quiet, email) is None
    assert [(mail.kind, mail.to, bool(mail.link)) for mail in await quiet.mails()] == [
        (LetterKind.ADDRESS_IN_USE, EMAIL, False),
        (LetterKind.VERIFY_EMAIL, "new@example.com", True),
    ]
    for refused in (EmailInvalid, PasswordUnacceptable, NameInvalid):
        for email in (EMAIL, "another@example.com"):
            with pytest.raises(refused):
                await quiet.auth.registration.register(
                    "nonsense" if refused is EmailInvalid else email,
                    "short" if refused is PasswordUnacceptable else PASSWORD,
                    "a\nb" if refused is NameInvalid else "",
                    API,
                )


async def test_the_news_of_a_taken_address_goes_to_its_owner_alone(quiet: House) -> None:
    """The address as typed may be another mailbox, whose owner is probing for accounts (item 23)."""
    await quiet.make_user("strasse@example.com", is_email_verified=True)
    await register(quiet, "stra\u00dfe@example.com")
    assert [mail.to for mail in await quiet.mails()] == ["strasse@example.com"]


async def test_nobody_logs_in_before_the_address_is_verified(quiet: House) -> None:
    """The refusal is the one for a wrong password; confirming the address or resetting the password lets the user
    in."""
    for email, kind in ((EMAIL, LetterKind.VERIFY_EMAIL), ("grace@example.com", LetterKind.RESET_PASSWORD)):
        await register(quiet, email)
        with pytest.raises(InvalidCredentials) as right:
            await quiet.auth.sessions.log_in(email, PASSWORD, WEB)
        with pytest.raises(InvalidCredentials) as wrong:
            await quiet.auth.sessions.log_in(email, OTHER_PASSWORD, WEB)
        assert right.value.message == wrong.value.message
        if kind is LetterKind.RESET_PASSWORD:
            await quiet.auth.credentials.forgot(email, WEB)
            token = await quiet.mailed_token(kind, email)
            await quiet.auth.credentials.reset(token, PASSWORD, WEB)
        else:
            await quiet.auth.addresses.verify(await quiet.mailed_token(kind, email), WEB)
        await quiet.auth.sessions.log_in(email, PASSWORD, WEB)


async def test_whoever_is_vouched_for_logs_in_at_once(quiet: House) -> None:
    """The first admin and those invited by mail log in at once, because their email address is proven."""
    url = await quiet.auth.registration.setup_url() or ""
    await quiet.auth.registration.set_up(url.rpartition("/")[2], EMAIL, PASSWORD, "", WEB)
    await quiet.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    token = await invite(quiet, email="grace@example.com")
    user = await register(quiet, "grace@example.com", invite=token)
    assert user is not None
    assert user.is_email_verified
    await quiet.auth.sessions.log_in("grace@example.com", PASSWORD, WEB)


async def test_an_invite_for_anybody_proves_no_address(quiet: House) -> None:
    """An invitation that was not mailed to the email address that was typed does not confirm it."""
    assert await register(quiet, invite=await invite(quiet)) is None
    with pytest.raises(InvalidCredentials):
        await quiet.auth.sessions.log_in(EMAIL, PASSWORD, WEB)


async def test_an_invite_is_no_way_to_ask_who_has_an_account(quiet: House) -> None:
    """A taken email address uses up the invitation just as a free one does (item 23)."""
    await quiet.make_user(is_email_verified=True)
    for email in (EMAIL, "new@example.com"):
        token = await invite(quiet)
        assert await register(quiet, email, invite=token) is None
        with pytest.raises(LinkInvalid):
            await quiet.auth.registration.peek_invite(token)


# by invitation


async def test_where_invites_are_needed_nobody_registers_without(invited_only: House) -> None:
    """Registration without an invitation, or with a made-up or used one, is refused."""
    assert not invited_only.auth.registration.is_open
    with pytest.raises(RegistrationClosed):
        await register(invited_only)
    token = await invite(invited_only)
    for bad in ("", "made up", token[:-1], token[::-1]):
        with pytest.raises(LinkInvalid):
            await register(invited_only, invite=bad)
    assert await register(invited_only, invite=token) is not None
    with pytest.raises(LinkInvalid):
        await register(invited_only, "grace@example.com", invite=token)


async def test_closed_is_closed_for_the_invited_too(invited_only: House) -> None:
    """An invitation from before the closing does not count, and no new ones can be made."""
    token = await invite(invited_only)
    with closed_over(invited_only) as closed:
        with pytest.raises(RegistrationClosed):
            await register(closed, invite=token)
        with pytest.raises(RegistrationClosed):
            await closed.auth.invitations.invite(None, API)
    assert not await has_account(invited_only)


async def test_an_invite_gives_its_roles_and_tells_who_invited(each_house: House) -> None:
    """An invitation gives its roles even where registration is open, and the audit log names the admin as the
    actor."""
    house = each_house
    admin = await house.make_user("grace@example.com", roles=["admin"])
    pair = await house.auth.sessions.log_in(admin.email, PASSWORD, API)
    link = await house.auth.invitations.invite(pair.principal, API, roles=["editor", "admin"])
    assert (await house.auth.registration.peek_invite(token_of(house, link))).roles == ("admin", "editor")
    user = await register(house, invite=token_of(house, link))
    assert user is not None
    assert (user.roles, user.is_email_verified) == (("admin", "editor"), False)
    [event] = (await house.store.audit_events(user_id=user.id)).items
    assert (event.event, event.actor_id, event.detail) == ("registered", admin.id, "invite")


@pytest.mark.parametrize("fate", ["demoted", "disabled", "deleted"])
async def test_an_invite_ends_with_the_admin_who_made_it(house: House, fate: str) -> None:
    """Otherwise a dismissed admin would have left themselves a way back in, even as an admin."""
    await house.make_user("boss@example.com", roles=["admin"])
    admin = await house.make_user("grace@example.com", roles=["admin"])
    pair = await house.auth.sessions.log_in(admin.email, PASSWORD, API)
    token = token_of(house, await house.auth.invitations.invite(pair.principal, API, roles=["admin"]))
    await house.auth.registration.peek_invite(token)
    if fate == "deleted":
        await house.auth.administration.delete(admin.id, API)
    elif fate == "disabled":
        await house.auth.administration.set_active(admin.id, False, API)
    else:
        await house.auth.administration.set_roles(admin.id, ["editor"], API)
    with pytest.raises(LinkInvalid):
        await register(house, invite=token)
    assert not await has_account(house)


async def test_an_invite_by_mail_is_for_that_address(house: House) -> None:
    """The mailed invitation works for any spelling of its email address; another address is refused and leaves it
    unused."""
    token = await invite(house, email="Ada@Example.com")
    with pytest.raises(EmailInvalid):
        await register(house, "eve@example.com", invite=token)
    user = await register(house, "ADA@example.com", invite=token)
    assert user is not None
    assert user.is_email_verified
    assert [mail.kind for mail in await house.mails()] == [], "the invite does not count any more"


async def test_an_invite_that_came_to_nothing_counts_again(each_house: House) -> None:
    """After a taken email address, a short password or a bad name, the person can try again."""
    house = each_house
    await house.make_user("grace@example.com")
    token = await invite(house, roles=["editor"])
    with pytest.raises(EmailTaken):
        await register(house, "grace@example.com", invite=token)
    for password, name in (("short", ""), (PASSWORD, "a\nb")):
        with pytest.raises((PasswordUnacceptable, NameInvalid)):
            await house.auth.registration.register(EMAIL, password, name, API, invite=token)
    user = await register(house, invite=token)
    assert user is not None
    assert user.roles == ("editor",)


async def test_of_twenty_who_use_an_invite_at_once_one_gets_in(each_house: House) -> None:
    """Of twenty uses of one invitation at once, one makes an account and the others leave nothing behind."""
    house = each_house
    token = await invite(house)
    outcomes = await asyncio.gather(
        *[register(house, f"user{number}@example.com", invite=token) for number in range(20)],
        return_exceptions=True,
    )
    assert sum(isinstance(one, User) for one in outcomes) == 1
    assert sum(isinstance(one, LinkInvalid) for one in outcomes) == 19
    assert len((await house.auth.administration.search()).items) == 1


async def test_an_invite_ends_when_it_was_said_or_is_withdrawn(house: House) -> None:
    """An invitation ends at its time or when it is withdrawn; the list has those that still count."""
    invitations = house.auth.invitations
    short = await invitations.invite(None, API, expires_in_days=1)
    house.clock.step(seconds=1)
    long, withdrawn = [await invitations.invite(None, API, expires_in_days=90) for _ in range(2)]
    assert {link.id for link in await invitations.open()} == {short.id, long.id, withdrawn.id}
    await invitations.withdraw(withdrawn.id, API)
    with pytest.raises(NotFound):
        await invitations.withdraw(withdrawn.id, API)
    house.clock.step(days=1)
    assert await invitations.open() == [long]
    for link in (short, withdrawn):
        with pytest.raises(LinkInvalid):
            await register(house, invite=token_of(house, link))
    assert invitations.url(long).startswith(f"{ISSUER}/invite/")
    assert await register(house, invite=token_of(house, long)) is not None
    assert await invitations.open() == []


async def test_only_an_invite_can_be_withdrawn(house: House) -> None:
    """The id of another kind of link, or nonsense, is reported as not found."""
    await house.auth.registration.setup_url()
    [setup] = await house.store.links_for(LinkPurpose.SETUP, now=house.clock.now())
    for id_ in (setup.id, "", "nonsense", "\ud800"):
        with pytest.raises(NotFound):
            await house.auth.invitations.withdraw(id_, API)
    assert await house.store.links_for(LinkPurpose.SETUP, now=house.clock.now()) == [setup]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"expires_in_days": 0}, InviteLifetimeInvalid),
        ({"expires_in_days": 91}, InviteLifetimeInvalid),
        ({"expires_in_days": -(10**12)}, InviteLifetimeInvalid),
        ({"email": "nonsense"}, EmailInvalid),
        ({"email": "GRACE@example.com"}, EmailTaken),
        ({"roles": ["Not a role"]}, RolesInvalid),
        ({"roles": [f"r{number}" for number in range(21)]}, RolesInvalid),
    ],
    ids=str,
)
async def test_an_invite_that_can_not_be_is_refused(
    house: House, given: dict[str, object], refusal: type[Exception]
) -> None:
    """A refused invitation leaves neither a link nor a mail."""
    await house.make_user("grace@example.com")
    with pytest.raises(refusal):
        await invite(house, **given)
    assert await house.auth.invitations.open() == []
    assert await house.mails() == []


# the first admin


async def test_the_set_up_link_is_the_same_for_every_start(database_url: str) -> None:
    """The setup link stays the same while it counts and nobody has an account; it makes one admin, once."""
    async with house_on(database_url) as house:
        url = await house.auth.registration.setup_url()
        assert url is not None
        assert url.startswith(f"{ISSUER}/setup/")
    async with house_on(database_url, clock=house.clock) as again:
        registration = again.auth.registration
        assert await registration.setup_url() == url
        again.clock.step(hours=24)
        with pytest.raises(LinkInvalid):
            await registration.peek_setup(url.rpartition("/")[2])
        newer = await registration.setup_url()
        assert newer not in (url, None)
        token = str(newer).rpartition("/")[2]
        await registration.peek_setup(token)
        user = await registration.set_up(token, EMAIL, PASSWORD, "Ada", WEB)
        assert (user.roles, user.is_email_verified) == (("admin",), True)
        assert await registration.setup_url() is None
        with pytest.raises(LinkInvalid):
            await registration.set_up(token, "eve@example.com", PASSWORD, "", WEB)
        assert not await has_account(again, "eve@example.com")


async def test_the_set_up_link_is_void_once_there_is_an_admin(house: House) -> None:
    """An admin made in any other way voids the link; an account that is no admin does not, but no new link is
    shown."""
    registration = house.auth.registration
    token = str(await registration.setup_url()).rpartition("/")[2]
    await register(house, "grace@example.com")
    assert await registration.setup_url() is None
    await registration.peek_setup(token)
    await house.make_user("admin@example.com", roles=["admin"])
    with pytest.raises(LinkInvalid):
        await registration.peek_setup(token)
    with pytest.raises(LinkInvalid):
        await registration.set_up(token, EMAIL, PASSWORD, "", WEB)
    assert not await has_account(house)


async def test_twenty_who_set_up_at_once_are_one_admin(each_house: House) -> None:
    """Twenty setups at once, each with its own email address, make one admin (item 34 for the very first
    account)."""
    house = each_house
    token = str(await house.auth.registration.setup_url()).rpartition("/")[2]
    outcomes = await asyncio.gather(
        *[
            house.auth.registration.set_up(token, f"user{number}@example.com", PASSWORD, "", WEB)
            for number in range(20)
        ],
        return_exceptions=True,
    )
    assert sum(isinstance(one, User) for one in outcomes) == 1
    assert sum(isinstance(one, LinkInvalid) for one in outcomes) == 19
    assert len((await house.auth.administration.search()).items) == 1


async def test_a_set_up_that_came_to_nothing_can_be_repeated(house: House) -> None:
    """The link survives a short password or a bad or taken email address, even where registration is closed."""
    with closed_over(house) as closed:
        registration = closed.auth.registration
        token = str(await registration.setup_url()).rpartition("/")[2]
        await closed.make_user("grace@example.com")
        for email, password in ((EMAIL, "short"), ("nonsense", PASSWORD), ("grace@example.com", PASSWORD)):
            with pytest.raises((PasswordUnacceptable, EmailInvalid, EmailTaken)):
                await registration.set_up(token, email, password, "", WEB)
        await registration.set_up(token, EMAIL, PASSWORD, "", WEB)


async def test_an_invite_is_no_set_up_link(house: House) -> None:
    """Neither an invitation nor a setup link works in the place of the other."""
    setup = str(await house.auth.registration.setup_url()).rpartition("/")[2]
    token = await invite(house)
    with pytest.raises(LinkInvalid):
        await house.auth.registration.set_up(token, EMAIL, PASSWORD, "", WEB)
    with pytest.raises(LinkInvalid):
        await register(house, invite=setup)
    assert not await has_account(house)
