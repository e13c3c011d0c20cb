"""Accounts: there is one for each email address, whatever its spelling, and changes count at once."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import bcrypt

from app.auth.errors import (
    AccountDeleted,
    AccountDisabled,
    InvalidCredentials,
    NotFound,
    PasswordChanged,
    RegistrationClosed,
    RightsChanged,
    WrongPassword,
)
from app.auth.limits.throttle import GUESSES
from app.auth.models import MAX_NAME_LENGTH, User
from app.auth.parsing import parse_email, parse_name
from app.auth.refusals import EmailInvalid, EmailTaken, NameInvalid, PasswordUnacceptable
from tests.auth.house import API, OTHER_PASSWORD, WEB, House, counting, house_on
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"


@pytest.mark.parametrize(
    "spellings",
    [
        [
            EMAIL,
            "ADA@EXAMPLE.COM",
            "Ada@Example.com",
            " ada@example.com ",
            "\tada@example.com\n",
            "\uff41da@example.com",
        ],
        ["ren\u00e9@example.com", "rene\u0301@example.com", "REN\u00c9@EXAMPLE.com", "RENE\u0301@example.com"],
        [
            "ada@b\u00fccher.example",
            "ada@BU\u0308CHER.example",
            "ada@xn--bcher-kva.example",
            "ADA@XN--BCHER-KVA.EXAMPLE",
        ],
        ["stra\u00dfe@example.com", "STRASSE@example.com", "STRA\u1e9eE@example.com"],
        ["kelvin@example.com", "\u212aELVIN@example.com"],
        ["\ufb01ona@example.com", "FIONA@example.com"],
    ],
    ids=lambda spellings: ascii(spellings[0]),
)
def test_spellings_of_an_address_have_one_normal_form(spellings: list[str]) -> None:
    """Spellings that people and mail systems take for one email address belong to one account (item 34)."""
    assert len({parse_email(spelling)[1] for spelling in spellings}) == 1


def test_other_addresses_stay_others() -> None:
    """Dots, tags and lookalike letters make another email address, which may belong to another person."""
    others = [
        EMAIL,
        "a.da@example.com",
        "ada+x@example.com",
        "ada@example.org",
        "\u0430da@example.com",
        "ad@a.example",
    ]
    assert len({parse_email(other)[1] for other in others}) == len(others)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ada",
        "@",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada@exa mple.com",
        "ada\0@example.com",
        "ada@example.com\0",
        "ada@example.com\nBcc: eve@example.com",
        "ada\r\n@example.com",
        "\ud800@example.com",
        "ada@\ud800.com",
        "a\uff20b@example.com",
        "Ada <ada@example.com>",
        '"a b"@example.com',
        "ada@[127.0.0.1]",
        "ada@example.com,eve@example.com",
        "ada@-example.com",
        "ada@example..com",
        "x" * 400 + "@example.com",
        "ada@" + "x" * 400,
        "ada@exa\u200bmple.com",
        "ada@example.com\u202e",
        "$ne",
        "{}",
        "\u202eada@example.com",
        "=?utf-8?q?x=0d=0aBcc=3a_eve=40evil.example?=@example.com",  # an encoded word with a line break in it
        "=?utf-8?b?eA0KQmNjOiBlQGUuZWU=?=@example.com",
        "\uff1d\uff1futf-8?q?x?=@example.com",
    ],
    ids=ascii,
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Every bad email address is refused with one kind of error, even one that would add a header to a mail."""
    with pytest.raises(EmailInvalid):
        parse_email(text)


@pytest.mark.parametrize(
    "text", ["ada@example.com".ljust(321), "a" + "\u0301\u0323" * 80_000 + "@example.com"], ids=len
)
def test_what_is_longer_than_any_address_is_refused_unread(text: str) -> None:
    """An overlong email address is refused before it is normalised. Normalising the second example took half a
    minute, during which nobody else was answered.

    The first example would be valid once it is stripped, so it shows that the length is checked before anything
    else.
    """
    with pytest.raises(EmailInvalid):
        parse_email(text)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=12))
def test_a_normal_form_is_its_own_normal_form(local: str) -> None:
    """Typing an email address as it is stored finds the account, and any other text is refused cleanly."""
    try:
        address, key = parse_email(f"{local}@example.com")
    except EmailInvalid:
        return
    assert parse_email(address)[1] == key
    assert key.count("@") == 1
    for spelling in (unicodedata.normalize("NFD", address), address.upper().lower()):
        try:
            assert parse_email(unicodedata.normalize("NFC", spelling))[0]
        except EmailInvalid:
            continue


async def test_a_hundred_registrations_give_one_account(each_house: House) -> None:
    """A hundred registrations at the same moment, in every spelling, make one account on each store (item 34)."""
    spellings = [
        "ada@example.com",
        "ADA@example.com",
        "Ada@EXAMPLE.COM",
        " ada@Example.com",
        "\uff41da@example.com",
    ]
    outcomes = await asyncio.gather(
        *[each_house.make_user(spellings[number % 5]) for number in range(100)], return_exceptions=True
    )
    assert sum(isinstance(one, User) for one in outcomes) == 1
    assert sum(isinstance(one, EmailTaken) for one in outcomes) == 99
    assert len((await each_house.auth.administration.search()).items) == 1
    for spelling in spellings:
        await each_house.auth.sessions.log_in(spelling, PASSWORD, API)
        assert (await each_house.auth.accounts.find(spelling)).email_key == "ada@example.com"


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\rb",
        "a\0b",
        "a\tb",
        "\x1b[31mred",
        "a\x7fb",
        "a\x9bb",
        "a\u2028b",
        "a\u2029b",
        "\ud800",
        "a\uffffb",
        "a\u202eb",
        "\u2066a",
        "x" * (MAX_NAME_LENGTH + 1),
    ],
    ids=ascii,
)
async def test_a_name_that_would_break_a_line_is_refused(house: House, name: str) -> None:
    """Control characters, line separators, lone surrogates and direction marks are refused, at registration and
    later."""
    with pytest.raises(NameInvalid):
        parse_name(name)
    with pytest.raises(NameInvalid):
        await house.make_user(name=name)
    user = await house.make_user(name="Ada")
    with pytest.raises(NameInvalid):
        await house.auth.accounts.rename(user.id, name)
    assert (await house.stored(user.id)).name == "Ada"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada  ", "Ada"),
        ("Ada\n", "Ada"),
        ("", ""),
        ("e\u0301", "\u00e9"),
        ("O'Brien <b>&", "O'Brien <b>&"),
        ("\u5f35\u5049", "\u5f35\u5049"),
        ("\u0645\u062d\u0645\u062f", "\u0645\u062d\u0645\u062f"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("x" * MAX_NAME_LENGTH, "x" * MAX_NAME_LENGTH),
    ],
    ids=ascii,
)
def test_other_names_are_people_s_own(typed: str, kept: str) -> None:
    """A name may be in any script and may contain emoji; blanks around it are removed."""
    assert parse_name(typed) == kept


async def test_registration_is_as_the_operator_has_it(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Registration is open by default; while it is closed or by invitation, nobody can register uninvited."""
    await house.auth.registration.register(EMAIL, PASSWORD, "", API)
    for registration in ("closed", "invite"):
        url = f"sqlite:///{tmp_path_factory.mktemp('closed') / 'duet.db'}"
        async with house_on(url, registration=registration) as closed:
            with pytest.raises(RegistrationClosed):
                await closed.auth.registration.register(EMAIL, PASSWORD, "", API)
            await closed.make_user()


async def test_a_refused_registration_leaves_nothing(house: House) -> None:
    """A refused registration leaves neither a user nor a taken email address."""
    with pytest.raises(PasswordUnacceptable):
        await house.auth.registration.register(EMAIL, "short", "", API)
    with pytest.raises(EmailInvalid):
        await house.auth.registration.register("ada", PASSWORD, "", API)
    assert (await house.auth.administration.search()).items == []
    await house.auth.registration.register(EMAIL, PASSWORD, "", API)


async def test_a_password_change_needs_the_current_one_and_ends_the_others(house: House) -> None:
    """The session that changed the password goes on; all others, of the pages and the API, are over (item 24)."""
    await house.make_user()
    own = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    others = [await house.auth.sessions.log_in(EMAIL, PASSWORD, client) for client in (API, WEB)]
    sessions = house.auth.sessions
    with pytest.raises(WrongPassword):
        await house.auth.credentials.change_password(own.principal, OTHER_PASSWORD, OTHER_PASSWORD, API)
    with pytest.raises(PasswordUnacceptable) as short:
        await house.auth.credentials.change_password(own.principal, PASSWORD, "short", API)
    assert short.value.field == "new_password"
    for pair in (own, *others):
        sessions.authenticate(pair.access_token)
    await house.auth.credentials.change_password(own.principal, PASSWORD, OTHER_PASSWORD, API)
    sessions.authenticate(own.access_token)
    for pair in others:
        with pytest.raises(PasswordChanged):
            sessions.authenticate(pair.access_token)
    with pytest.raises(InvalidCredentials):
        await sessions.log_in(EMAIL, PASSWORD, API)
    await sessions.log_in(EMAIL, OTHER_PASSWORD, API)


async def test_two_password_changes_at_once_leave_one_password(each_house: House) -> None:
    """The second change is told that its current password is wrong, and ends no session."""
    house = each_house
    await house.make_user()
    pairs = [await house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(2)]
    new = ["first new password", "second new password"]
    outcomes = await asyncio.gather(
        *[
            house.auth.credentials.change_password(pair.principal, PASSWORD, word, API)
            for pair, word in zip(pairs, new, strict=True)
        ],
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes if one is not None] == [WrongPassword]
    winner = outcomes.index(None)
    await house.auth.sessions.log_in(EMAIL, new[winner], API)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in(EMAIL, new[1 - winner], API)
    house.auth.sessions.authenticate(pairs[winner].access_token)
    with pytest.raises(PasswordChanged):
        house.auth.sessions.authenticate(pairs[1 - winner].access_token)


async def bring_old_hash(house: House) -> User:
    """A user whose password is kept as plain bcrypt, as brought from elsewhere."""
    user = await house.make_user()
    brought = bcrypt.using(rounds=4).hash(PASSWORD)
    assert await house.store.upgrade_password_hash(user.id, brought, credentials_version=0)
    return user


async def test_an_upgrade_does_not_let_a_replaced_password_in(house: House) -> None:
    """A login fails if the password is changed while that login is upgrading the old hash."""
    user = await bring_old_hash(house)
    async with counting(house) as (auth, store):
        store.after["user_to_log_in"] = lambda: house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
        with pytest.raises(InvalidCredentials):
            await auth.sessions.log_in(EMAIL, PASSWORD, API)
    assert await house.store.sessions_of(user.id, now=house.clock.now()) == []
    await house.auth.sessions.log_in(EMAIL, OTHER_PASSWORD, API)


async def test_an_upgrade_by_another_login_asks_for_no_second_look(house: House) -> None:
    """A login succeeds with a single password check even if another login upgraded the hash meanwhile, and no
    guess is counted."""
    user = await bring_old_hash(house)
    brought = (await house.stored(user.id)).password_hash
    async with counting(house, rate_limits=True) as (auth, store):
        verify, looks = auth.passwords.verify, 0

        async def counted(*given: Any, **named: Any) -> Any:
            nonlocal looks
            looks += 1
            return await verify(*given, **named)

        auth.passwords.verify = counted  # type: ignore[method-assign]
        for number in range(2 * GUESSES.free):
            store.after["hit_all"] = lambda: house.auth.sessions.log_in(EMAIL, PASSWORD, API)
            await auth.sessions.log_in(EMAIL, PASSWORD, API)
            assert looks == number + 1
            assert await house.store.upgrade_password_hash(user.id, brought, credentials_version=0)


async def test_logins_that_upgrade_at_once_all_succeed(each_house: House) -> None:
    """When logins upgrade a hash at once, one replaces it and the others see that the password is the same."""
    user = await bring_old_hash(each_house)
    pairs = await asyncio.gather(*[each_house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(10)])
    assert len(await each_house.store.sessions_of(user.id, now=each_house.clock.now())) == len(pairs) == 10
    assert (await each_house.stored(user.id)).password_hash.startswith("$bcrypt-sha256$")


async def test_an_operator_s_password_has_the_last_word(house: House) -> None:
    """A password that the operator sets stays, even if a login upgrades the old hash at the same time."""
    user = await bring_old_hash(house)
    async with counting(house) as (auth, store):
        store.after["user_by_id"] = lambda: house.auth.sessions.log_in(EMAIL, PASSWORD, API)
        await auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
    await house.auth.sessions.log_in(EMAIL, OTHER_PASSWORD, API)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in(EMAIL, PASSWORD, API)


async def test_a_disabled_account_is_out_at_once(house: House) -> None:
    """A disabled account loses its tokens, sessions and logins; once enabled again, it needs a new login
    (V7.4.2)."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.administration.set_active(user.id, False, API)
    with pytest.raises(AccountDisabled):
        house.auth.sessions.authenticate(pair.access_token)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.administration.set_active(user.id, True, API)
    with pytest.raises(AccountDisabled):
        house.auth.sessions.authenticate(pair.access_token)
    await house.auth.sessions.log_in(EMAIL, PASSWORD, API)


async def test_roles_count_at_once(house: House) -> None:
    """The older token is refused, and the refreshed one has the new roles (V8.3.2)."""
    await house.make_user("grace@example.com", roles=["admin"])
    user = await house.make_user(roles=["admin", "editor", "admin"])
    assert user.roles == ("admin", "editor")
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    assert pair.principal.has_role("admin")
    await house.auth.administration.set_roles(user.id, ["editor"], API)
    with pytest.raises(RightsChanged):
        house.auth.sessions.authenticate(pair.access_token)
    refreshed = await house.auth.refreshing.refresh(pair.refresh_token or "", API)
    assert house.auth.sessions.authenticate(refreshed.access_token).roles == {"editor"}


async def test_a_deleted_account_leaves_nothing_that_works(each_house: House) -> None:
    """Its tokens are dead, and its email address is free for a new account, which begins without sessions."""
    house = each_house
    user = await house.make_user()
    pairs = [await house.auth.sessions.log_in(EMAIL, PASSWORD, client) for client in (API, WEB)]
    with pytest.raises(WrongPassword):
        await house.auth.own_account.delete(pairs[0].principal, OTHER_PASSWORD, API)
    house.auth.sessions.authenticate(pairs[0].access_token)
    await house.auth.own_account.delete(pairs[0].principal, PASSWORD, API)
    for pair in pairs:
        with pytest.raises(AccountDeleted):
            house.auth.sessions.authenticate(pair.access_token)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    accounts = house.auth.accounts
    for lost in (accounts.get(user.id), accounts.find(EMAIL), house.auth.administration.delete(user.id, API)):
        with pytest.raises(NotFound):
            await lost
    again = await house.make_user()
    assert again.id != user.id
    assert await house.store.sessions_of(again.id, now=house.clock.now()) == []


@pytest.mark.parametrize("reason", ["unknown", "wrong", "disabled", "no address", "empty"])
async def test_failed_logins_take_the_same_steps(house: House, reason: str) -> None:
    """Every failed login takes one look-up, one hash, one audit row and one error (V6.3.8); only the log has the
    reason."""
    user = await house.make_user()
    if reason == "disabled":
        await house.auth.administration.set_active(user.id, False, API)
    email = {"unknown": "nobody@example.com", "no address": "nobody", "empty": ""}.get(reason, EMAIL)
    password = OTHER_PASSWORD if reason == "wrong" else PASSWORD
    async with counting(house) as (auth, store):
        hashed = 0
        submit = auth.passwords.queue._pool.submit

        def counted(*args: object) -> object:
            nonlocal hashed
            hashed += 1
            return submit(*args)  # type: ignore[arg-type]

        auth.passwords.queue._pool.submit = counted  # type: ignore[method-assign, assignment]
        store.calls.clear()
        with pytest.raises(InvalidCredentials) as refused:
            await auth.sessions.log_in(email, password, API)
        looked_up = [] if reason in ("no address", "empty") else ["user_to_log_in"]
        assert store.calls == [*looked_up, "add_audit_event"]
    assert hashed == 1
    assert str(refused.value) == InvalidCredentials.message
    [event] = (await house.store.audit_events(limit=1)).items
    assert (event.event, event.ip) == ("login_failed", API.ip)


async def test_the_audit_log_holds_nothing_that_was_typed(house: House) -> None:
    """What was typed at a login is not logged, because people type their password into the email field."""
    await house.make_user(name="a name that was typed")
    for email in ("my secret passphrase", "my.secret.passphrase@example.com", EMAIL):
        with pytest.raises(InvalidCredentials):
            await house.auth.sessions.log_in(email, "my secret passphrase", API)
    rows = repr(await house.store.audit_events(limit=100))
    for typed in ("secret", "passphrase", "a name", EMAIL):
        assert typed not in rows
