"""What admins do to accounts counts at once, leaves at least one admin, and is in the audit log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.auth.audit import ROWS
from app.auth.errors import (
    AccountDeleted,
    AccountDisabled,
    AuthError,
    InvalidCredentials,
    InvalidGrant,
    LastAdmin,
    NotFound,
    RightsChanged,
    RoleMissing,
    SessionRevoked,
    TokenInvalid,
)
from app.auth.extending import Signal, SignalKind
from app.auth.models import ADMIN, LetterKind, Principal, User
from app.auth.refusals import CursorInvalid, RolesInvalid
from tests.auth.house import API, WEB, House
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"
CHIEF = "grace@example.com"


async def chief_of(house: House) -> Principal:
    """Log in as an admin and return the principal."""
    await house.make_user(CHIEF, roles=[ADMIN])
    return (await house.auth.sessions.log_in(CHIEF, PASSWORD, WEB)).principal


async def actors(house: House, user_id: str) -> list[tuple[str, str, str]]:
    """What was done to an account, by whom and with which detail, newest first."""
    rows = (await house.store.audit_events(user_id=user_id)).items
    return [(row.event, row.actor_id, row.detail) for row in rows if row.actor_id]


async def test_everything_an_admin_does_stands_in_the_log(each_house: House) -> None:
    """Every act of an admin is logged with who did it and from where (item 36)."""
    house = each_house
    chief = await chief_of(house)
    user = await house.make_user()
    await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    act = house.auth.administration
    await act.set_roles(user.id, ["editor", "admin"], WEB, by=chief)
    await act.change(user.id, WEB, is_active=False, roles=[], by=chief)
    await act.set_active(user.id, True, WEB, by=chief)
    await act.end_sessions(user.id, WEB, by=chief)
    await act.send_reset(user.id, WEB, by=chief)
    expected = [
        ("password_reset_requested", chief.user_id, ""),
        ("sessions_revoked", chief.user_id, ""),
        ("account_enabled", chief.user_id, ""),
        ("roles_changed", chief.user_id, ""),
        ("account_disabled", chief.user_id, ""),
        ("roles_changed", chief.user_id, "admin,editor"),
    ]
    assert await actors(house, user.id) == expected
    for row in (await house.store.audit_events(user_id=user.id)).items[:6]:
        assert (row.ip, row.user_agent) == (WEB.ip, WEB.user_agent)
    await act.delete(user.id, WEB, by=chief)
    assert await actors(house, user.id) == [("account_deleted", chief.user_id, ""), *expected]
    assert [mail.kind for mail in await house.mails()] == [LetterKind.ACCOUNT_DELETED]


async def test_a_disabled_account_is_out_at_once_and_stays_out(each_house: House) -> None:
    """Sessions, tokens and logins are refused at once; enabled again, the account needs a new login (item 9)."""
    house = each_house
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    _, personal = await house.auth.personal_tokens.create(pair.principal, "script", API)
    await house.auth.administration.set_active(user.id, False, API)
    with pytest.raises(AccountDisabled):
        house.auth.sessions.authenticate(pair.access_token)
    with pytest.raises(AccountDisabled):
        await house.auth.personal_tokens.authenticate(personal)
    with pytest.raises(InvalidGrant):
        await house.auth.refreshing.refresh(pair.refresh_token or "", API)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.administration.set_active(user.id, True, API)
    with pytest.raises(InvalidGrant):
        await house.auth.refreshing.refresh(pair.refresh_token or "", API)
    await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.personal_tokens.authenticate(personal)


async def test_a_login_that_meets_a_disabling_leaves_no_session(each_house: House) -> None:
    """Of many logins at the moment of disabling, none leaves a session (item 12)."""
    house = each_house
    user = await house.make_user()
    logins: Any = [house.auth.sessions.log_in(EMAIL, PASSWORD, API) for _ in range(20)]
    disabling: Any = house.auth.administration.set_active(user.id, False, API)
    await asyncio.gather(*logins[:10], disabling, *logins[10:], return_exceptions=True)
    assert await house.store.sessions_of(user.id, now=house.clock.now()) == []


async def test_ended_sessions_are_over_and_a_new_login_is_not(house: House) -> None:
    """Only that user's sessions end, and the call returns how many there were."""
    chief = await chief_of(house)
    user = await house.make_user()
    pairs = [await house.auth.sessions.log_in(EMAIL, PASSWORD, client) for client in (API, WEB)]
    assert len(await house.auth.administration.sessions_of(user.id)) == 2
    assert await house.auth.administration.end_sessions(user.id, API, by=chief) == 2
    for pair in pairs:
        with pytest.raises(SessionRevoked):
            house.auth.sessions.authenticate(pair.access_token)
    assert await house.auth.administration.end_sessions(user.id, API, by=chief) == 0
    await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    assert len(await house.auth.administration.sessions_of(chief.user_id)) == 1


async def test_a_reset_is_sent_to_the_account(house: House) -> None:
    """The reset goes to the account's own email address, and a disabled account gets none."""
    user = await house.make_user("Ada@example.com")
    await house.auth.administration.send_reset(user.id, API)
    [mail] = await house.mails()
    assert (mail.kind, mail.to) == (LetterKind.RESET_PASSWORD, "Ada@example.com")
    await house.auth.administration.send_reset(user.id, API)
    await house.auth.administration.set_active(user.id, False, API)
    assert await house.mails() == []


async def test_a_deleted_account_leaves_no_personal_data(each_house: House) -> None:
    """Audit rows still say what happened to whom but not from where, both for what was done to the account and by
    it."""
    house = each_house
    chief = await chief_of(house)
    user = await house.make_user(roles=[ADMIN], name="Ada")
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    other = await house.make_user("other@example.com")
    await house.auth.personal_tokens.create(pair.principal, "script", API)
    await house.auth.addresses.request_change(pair.principal, PASSWORD, "ada@new.example", API)
    await house.auth.administration.set_active(other.id, False, API, by=pair.principal)
    await house.auth.own_account.delete(pair.principal, PASSWORD, API)
    rows = [
        row for row in (await house.store.audit_events(limit=1000)).items if user.id in (row.user_id, row.actor_id)
    ]
    assert {"registered", "login", "account_disabled", "account_deleted"} <= {row.event for row in rows}
    for row in rows:
        assert (row.ip, row.user_agent) == ("", ""), row.event
    assert EMAIL not in repr(rows)
    assert "Ada" not in repr(rows)
    with pytest.raises(AccountDeleted):
        house.auth.sessions.authenticate(pair.access_token)
    assert await house.store.tokens_of(user.id) == []
    [mail] = await house.mails()
    assert (mail.kind, mail.to, mail.params) == (LetterKind.ACCOUNT_DELETED, EMAIL, {})
    # A row about what another admin did keeps that admin's IP address.
    await house.auth.administration.delete(other.id, WEB, by=chief)
    [event] = (await house.store.audit_events(event="account_deleted", limit=1)).items
    assert (event.user_id, event.actor_id, event.ip) == (other.id, chief.user_id, WEB.ip)


@pytest.mark.parametrize("act", ["demote", "disable", "delete", "both", "leave"])
async def test_the_last_admin_stays(each_house: House, act: str) -> None:
    """Nobody can remove the last admin, not even that admin; disabled admins do not count, and a refusal changes
    nothing."""
    house = each_house
    chief = await chief_of(house)
    off = await house.make_user("off@example.com", roles=[ADMIN])
    await house.auth.administration.set_active(off.id, False, API)
    before, rows = await house.stored(chief.user_id), await house.events()
    administration = house.auth.administration
    work: dict[str, Any] = {
        "demote": lambda: administration.set_roles(chief.user_id, ["editor"], API, by=chief),
        "disable": lambda: administration.set_active(chief.user_id, False, API),
        "delete": lambda: administration.delete(chief.user_id, API, by=chief),
        "both": lambda: administration.change(chief.user_id, API, is_active=False, roles=["admin"]),
        "leave": lambda: house.auth.own_account.delete(chief, PASSWORD, API),
    }
    with pytest.raises(LastAdmin):
        await work[act]()
    assert await house.stored(chief.user_id) == before
    assert await house.events() == rows
    await administration.set_active(off.id, True, API)
    await work[act]()
    with pytest.raises(LastAdmin):
        await administration.delete(off.id, API)


async def test_admins_who_remove_each_other_at_once_leave_one(each_house: House) -> None:
    """However admins remove each other at the same moment, one of them stays."""
    house = each_house
    admins = [await house.make_user(f"admin{number}@example.com", roles=[ADMIN]) for number in range(6)]
    act = house.auth.administration

    def remove(number: int, user: User) -> Any:
        if number % 3 == 0:
            return act.set_roles(user.id, [], API)
        return act.set_active(user.id, False, API) if number % 3 == 1 else act.delete(user.id, API)

    outcomes = await asyncio.gather(
        *[remove(number, user) for number, user in enumerate(admins)], return_exceptions=True
    )
    assert [type(one) for one in outcomes if isinstance(one, AuthError)] == [LastAdmin]
    assert await house.store.has_admin()


async def test_roles_count_at_once(house: House) -> None:
    """A token with the old roles is refused; an invalid role is refused too and changes nothing (item 9)."""
    chief = await chief_of(house)
    user = await house.make_user(roles=["editor"])
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    for bad in (
        ["Admin"],
        [""],
        ["a b"],
        ["x" * 33],
        ["a\nb"],
        ["\ud800"],
        [f"r{number}" for number in range(21)],
    ):
        with pytest.raises(RolesInvalid):
            await house.auth.administration.change(user.id, API, is_active=False, roles=bad, by=chief)
    house.auth.sessions.authenticate(pair.access_token)
    changed = await house.auth.administration.set_roles(user.id, ["b", "a", "b"], API, by=chief)
    assert changed.roles == ("a", "b")
    with pytest.raises(RightsChanged):
        house.auth.sessions.authenticate(pair.access_token)


async def test_nobody_is_told_of_an_account_that_is_not_there(each_house: House) -> None:
    """Every act on an unknown account reports that it does not exist, whatever is given as the id."""
    act = each_house.auth.administration
    await chief_of(each_house)
    for id_ in ("nobody", "", "\0", "\ud800", "x" * 5000, '{"$ne": null}'):
        for work in (
            act.set_active(id_, False, API),
            act.set_roles(id_, ["editor"], API),
            act.delete(id_, API),
            act.end_sessions(id_, API),
            act.send_reset(id_, API),
        ):
            with pytest.raises(NotFound):
                await work
        assert await act.sessions_of(id_) == []


async def test_the_search_takes_any_text(each_house: House) -> None:
    """A search matches the beginning of the email address, name or last name; a made-up cursor is refused."""
    act = each_house.auth.administration
    await each_house.make_user(EMAIL, name="Ada Lovelace")
    for query in ("ada", "ADA@ex", "love", ""):
        assert [user.email for user in (await act.search(query)).items] == [EMAIL]
    for query in ("\0", "\ud800", "a" * 5000, "%", "_", ".*", "$", "\uffff"):
        assert (await act.search(query)).items == []
    for cursor in ("nonsense", "\0", "\ud800", "e30=", "x" * 5000):
        with pytest.raises(CursorInvalid):
            await act.search(cursor=cursor)
        with pytest.raises(CursorInvalid):
            await each_house.auth.audit.events(cursor=cursor)
    assert (await each_house.auth.audit.events(user_id="\ud800", event="\0")).items == []


async def test_signals_tell_of_what_admins_do(house: House) -> None:
    """Changes of roles and deletions send a signal with the account as it is, or as it was."""
    heard: list[Signal] = []

    async def hear(signal: Signal) -> None:
        heard.append(signal)

    for kind in (SignalKind.ROLES_CHANGED, SignalKind.DELETED):
        house.auth.signals.connect(kind, hear, owner="tests")
    user = await house.make_user()
    await house.auth.administration.set_roles(user.id, ["editor"], API)
    await house.auth.administration.delete(user.id, API)
    assert [(signal.kind, signal.user_id) for signal in heard] == [
        (SignalKind.ROLES_CHANGED, user.id),
        (SignalKind.DELETED, user.id),
    ]
    assert [signal.user.roles if signal.user else None for signal in heard] == [("editor",), ("editor",)]


async def test_a_deleted_account_s_personal_tokens_are_nobody_s(house: House) -> None:
    """A personal access token stops working as soon as its account is deleted."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    _, personal = await house.auth.personal_tokens.create(pair.principal, "script", API)
    await house.auth.administration.delete(user.id, API)
    with pytest.raises(TokenInvalid):
        await house.auth.personal_tokens.authenticate(personal)


async def test_a_flood_of_refusals_fills_no_disk(each_house: House) -> None:
    """One person's refusals are logged fifty times and then once in a while; other people's are still logged."""
    house, audit = each_house, each_house.auth.audit
    await house.make_user(EMAIL)
    await house.make_user("grace@example.com")
    ada = (await house.auth.sessions.log_in(EMAIL, PASSWORD, API)).principal
    grace = (await house.auth.sessions.log_in("grace@example.com", PASSWORD, API)).principal
    for _ in range(ROWS.free + 10):
        await audit.refused(ada, RoleMissing("admin"), API)
    await audit.refused(grace, RoleMissing("admin"), API)
    house.clock.step(minutes=1)
    await audit.refused(ada, RoleMissing("admin"), API)
    found = [event.user_id for event in (await audit.events(event="refused", limit=200)).items]
    assert (found.count(ada.user_id), found.count(grace.user_id)) == (ROWS.free + 1, 1)
