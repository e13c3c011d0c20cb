"""Mails: what a letter says when it is sent, to whom it goes, and when it is no longer sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.auth.errors import LinkInvalid
from app.auth.models import Letter, LetterKind, LinkPurpose
from tests.auth.house import API, ISSUER, OTHER_PASSWORD, House
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"
NEW = "ada@new.example"
PLAIN = [
    LetterKind.PASSWORD_CHANGED,
    LetterKind.EMAIL_CHANGE_REQUESTED,
    LetterKind.EMAIL_CHANGED,
    LetterKind.NEW_DEVICE,
    LetterKind.ACCOUNT_DELETED,
]


async def queue(house: House) -> list[Letter]:
    """The waiting letters, which go on waiting afterwards."""
    now, found = house.clock.now(), []
    while (letter := await house.store.claim_letter(now=now, until=now + timedelta(days=1))) is not None:
        found.append(letter)
    for letter in found:
        await house.store.put_letter_off(letter.id, due_at=now)
    return found


@pytest.mark.parametrize("kind", PLAIN)
async def test_news_goes_where_it_was_sent(each_house: House, kind: LetterKind) -> None:
    """News goes to the email address of that moment, with its values and no link, whatever became of the
    account."""
    await each_house.auth.letters.post(kind, "Ada@example.com", user_id="u1", at="today", ip="192.0.2.1")
    [mail] = await each_house.mails()
    assert (mail.to, mail.kind, mail.link) == ("Ada@example.com", kind, "")
    assert mail.params == {"at": "today", "ip": "192.0.2.1"}


@pytest.mark.parametrize(
    ("kind", "page"), [(LetterKind.VERIFY_EMAIL, "verify-email"), (LetterKind.RESET_PASSWORD, "reset-password")]
)
async def test_what_strangers_can_ask_for_goes_to_the_owner(
    each_house: House, kind: LetterKind, page: str
) -> None:
    """The mail uses the owner's own spelling of the email address, and its link is made when it is sent."""
    house = each_house
    user = await house.make_user("Ada@example.com")
    await house.auth.letters.post(kind, EMAIL)
    assert await house.store.links_for(LinkPurpose(page), now=house.clock.now()) == []
    house.clock.step(hours=5)  # the mail server was away
    [mail] = await house.mails()
    assert (mail.to, mail.kind) == ("Ada@example.com", kind)
    assert mail.link.startswith(f"{ISSUER}/{page}/")
    [link] = await house.store.links_for(LinkPurpose(page), now=house.clock.now())
    assert (link.user_id, link.email, link.created_at) == (user.id, "Ada@example.com", house.clock.now())


@pytest.mark.parametrize(
    "kind", [LetterKind.VERIFY_EMAIL, LetterKind.RESET_PASSWORD, LetterKind.ADDRESS_IN_USE], ids=str
)
@pytest.mark.parametrize("why", ["nobody", "disabled", "deleted", "another address"])
async def test_a_letter_to_nobody_is_dropped(house: House, kind: LetterKind, why: str) -> None:
    """The letter is dropped even if its account existed when it was asked for, and no link is made."""
    user = await house.make_user("ada@elsewhere.example" if why == "nobody" else EMAIL)
    await house.make_user("grace@example.com")
    await house.auth.letters.post(kind, EMAIL)
    if why == "disabled":
        await house.auth.administration.set_active(user.id, False, API)
    elif why == "deleted":
        await house.auth.administration.delete(user.id, API)
    elif why == "another address":
        await house.store.set_email(user.id, NEW, NEW, expected_key=EMAIL)
    assert [mail for mail in await house.mails() if mail.kind is kind] == []
    for purpose in LinkPurpose:
        assert await house.store.links_for(purpose, now=house.clock.now()) == []


async def test_a_verified_address_is_not_verified_again(house: House) -> None:
    """A confirmed address gets no more links to confirm it, however often anyone asks, but can get a reset."""
    await house.make_user(is_email_verified=True)
    await house.auth.addresses.resend(EMAIL, API)
    await house.auth.credentials.forgot(EMAIL, API)
    assert [mail.kind for mail in await house.mails()] == [LetterKind.RESET_PASSWORD]


async def test_a_letter_that_is_sent_twice_has_two_links(house: House) -> None:
    """If the first mail arrived but its receipt was lost, the second one's link works and the first stays used."""
    await house.make_user()
    await house.auth.letters.post(LetterKind.VERIFY_EMAIL, EMAIL)
    [letter] = await queue(house)
    tokens = []
    for _ in range(2):
        mail = await house.auth.letters.resolve(letter)
        assert mail is not None
        tokens.append(mail.link.rpartition("/")[2])
    for token in tokens:
        await house.auth.addresses.verify(token, API)
        with pytest.raises(LinkInvalid):
            await house.auth.addresses.verify(token, API)


async def test_the_queue_opens_nothing(house: House) -> None:
    """Letters hold no token that a reader of the database could use (item 24)."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.credentials.forgot(EMAIL, API)
    await house.auth.addresses.request_change(pair.principal, PASSWORD, NEW, API)
    link = await house.auth.invitations.invite(None, API, email="grace@example.com")
    waiting = repr(await queue(house))
    assert link.id in waiting
    links = [mail.link.rpartition("/")[2] for mail in await house.mails() if mail.link]
    assert len(links) == 3
    for token in links:
        assert token.partition(".")[2] not in waiting
    assert house.auth.invitations.url(link).rpartition(".")[2] not in waiting
    assert PASSWORD not in waiting


@pytest.mark.parametrize("why", ["withdrawn", "used", "too old"])
async def test_an_invite_that_does_not_count_any_more_is_not_sent(house: House, why: str) -> None:
    """The invitation stopped counting while the mail waited."""
    invitations = house.auth.invitations
    link = await invitations.invite(None, API, email=EMAIL, expires_in_days=1)
    token = invitations.url(link).rpartition("/")[2]
    if why == "withdrawn":
        await invitations.withdraw(link.id, API)
    elif why == "used":
        await house.auth.registration.register(EMAIL, PASSWORD, "", API, invite=token)
    else:
        house.clock.step(days=1)
    assert await house.mails() == []


async def test_an_invite_tells_who_invited(house: House) -> None:
    """The mail names the admin, the end and the roles, and goes to the email address as the admin spelled it."""
    admin = await house.make_user("grace@example.com", name="Grace", roles=["admin"])
    pair = await house.auth.sessions.log_in(admin.email, PASSWORD, API)
    link = await house.auth.invitations.invite(pair.principal, API, email="Ada@example.com", roles=["editor"])
    [mail] = await house.mails()
    assert (mail.to, mail.link) == ("Ada@example.com", house.auth.invitations.url(link))
    assert mail.params == {
        "link_id": link.id,
        "expires": link.expires_at.isoformat(),
        "roles": "editor",
        "inviter": "Grace",
    }


@pytest.mark.parametrize("way", ["reset", "change", "set"])
async def test_a_new_password_stops_a_change_of_address_in_the_mail_queue(house: House, way: str) -> None:
    """A thief with the old password asked for the move, and the mail server is back only after the replacement."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.credentials.forgot(EMAIL, API)
    token = await house.mailed_token(LetterKind.RESET_PASSWORD)
    await house.auth.addresses.request_change(pair.principal, PASSWORD, NEW, API)
    if way == "reset":
        await house.auth.credentials.reset(token, OTHER_PASSWORD, API)
    elif way == "change":
        await house.auth.credentials.change_password(pair.principal, PASSWORD, OTHER_PASSWORD, API)
    else:
        await house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
    assert sorted(mail.kind for mail in await house.mails()) == [
        LetterKind.EMAIL_CHANGE_REQUESTED,
        LetterKind.PASSWORD_CHANGED,
    ]


async def test_a_new_letter_wakes_whoever_sends(house: House) -> None:
    """The sender is woken at once, after the letter is in the store."""
    woken: list[int] = []
    house.auth.letters.wake_by(lambda: woken.append(1))
    await house.auth.letters.post(LetterKind.NEW_DEVICE, EMAIL)
    assert woken == [1]


async def test_a_deleted_account_takes_its_letters_along(each_house: House) -> None:
    """Only the letter that reports the deletion is still sent."""
    house = each_house
    user = await house.make_user("Ada@example.com")
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.addresses.request_change(pair.principal, PASSWORD, NEW, API)
    await house.auth.administration.delete(user.id, API)
    assert [(mail.kind, mail.to) for mail in await house.mails()] == [
        (LetterKind.ACCOUNT_DELETED, "Ada@example.com")
    ]
