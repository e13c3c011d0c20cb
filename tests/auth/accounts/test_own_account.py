"""One's own account can be exported with all that is kept of it except secrets, and deleted."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from app.auth.errors import NotFound, TooManyRequests, WrongPassword
from app.auth.models import ADMIN, AuditEvent, PersonalToken, Principal, Session, User
from tests.auth.house import API, OTHER_PASSWORD, WEB, House
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"
SECRETS = {"password_hash", "token_hash", "nonce", "generation"}


def plain(record: Any) -> dict[str, Any]:
    """The whole record as JSON represents it."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        name: json.loads(json.dumps(value, default=lambda one: one.isoformat())) for name, value in values.items()
    }


def assert_same(exported: dict[str, Any], record: User | Session | PersonalToken | AuditEvent) -> None:
    """Assert that everything in a record except its secrets was exported."""
    assert exported == {name: value for name, value in plain(record).items() if name not in SECRETS}


async def exported_by(house: House, principal: Principal) -> str:
    """The whole export as text."""
    return "".join([piece async for piece in await house.auth.own_account.export(principal)])


async def test_the_export_has_all_that_the_store_has(each_house: House) -> None:
    """Every field is compared, so a new field must be exported or be listed here as a secret."""
    house = each_house
    chief = await house.make_user("grace@example.com", roles=[ADMIN])
    by = (await house.auth.sessions.log_in(chief.email, PASSWORD, API)).principal
    user = await house.make_user(name="Ada", roles=["editor"])
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    await house.auth.refreshing.refresh(pair.refresh_token or "", API)
    for number in range(3):
        await house.auth.personal_tokens.create(pair.principal, f"script {number}", API, read_only=bool(number))
    await house.auth.administration.set_roles(user.id, ["author"], WEB, by=by)
    for _ in range(1100):  # This fills more than one page.
        await house.auth.audit.record("login_failed", client=API, user_id=user.id)
    export = json.loads(await exported_by(house, pair.principal))
    assert set(export) == {"exported_at", "account", "sessions", "personal_tokens", "activity"}
    assert export["exported_at"] == house.clock.now().isoformat()
    assert_same(export["account"], await house.stored(user.id))
    kept: list[tuple[str, list[Any]]] = [
        ("sessions", await house.store.sessions_of(user.id, now=house.clock.now())),
        ("personal_tokens", await house.store.tokens_of(user.id)),
    ]
    for name, records in kept:
        assert len(export[name]) == len(records) > 1
        for exported, record in zip(export[name], records, strict=True):
            assert_same(exported, record)
    events = [event for event in export["activity"] if not event["actor_id"]]
    assert len(events) > 1100
    assert len({event["id"] for event in events}) == len(events)
    [row] = (await house.store.audit_events(user_id=user.id, event="login", limit=1)).items
    assert_same(next(event for event in events if event["id"] == row.id), row)


async def test_the_export_opens_nothing(house: House) -> None:
    """The export has no hash, no token, and nothing from which a token is derived."""
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    _, personal = await house.auth.personal_tokens.create(pair.principal, "script", API)
    await house.auth.credentials.forgot(EMAIL, API)
    await house.mails()
    text = await exported_by(house, pair.principal)
    [session] = await house.store.sessions_of(user.id, now=house.clock.now())
    [token] = await house.store.tokens_of(user.id)
    stored = await house.stored(user.id)
    for secret in (stored.password_hash, session.nonce, token.token_hash, personal, pair.access_token):
        assert secret not in text
    assert str(pair.refresh_token).rpartition(".")[2] not in text


async def test_the_export_holds_nobody_else_s_data(house: House) -> None:
    """The export has nothing about other accounts, and not from where an admin acted."""
    chief = await house.make_user("grace@example.com", name="Grace", roles=[ADMIN])
    by = (await house.auth.sessions.log_in(chief.email, PASSWORD, WEB)).principal
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.administration.set_roles(user.id, ["editor"], WEB, by=by)
    text = await exported_by(house, pair.principal)
    export = json.loads(text)
    for private in (chief.email, "Grace", WEB.ip, WEB.user_agent, by.session_id):
        assert private not in text
    [event] = [event for event in export["activity"] if event["event"] == "roles_changed"]
    assert (event["detail"], event["ip"], event["user_agent"]) == ("editor", "", "")


async def test_a_long_export_comes_in_pieces(each_house: House) -> None:
    """The owner decides how long the log is, so an export made at once could block everybody and fill the
    memory."""
    house = each_house
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    for _ in range(1500):
        event = house.auth.audit.event("personal_token_created", client=API, user_id=user.id)
        await house.store.add_audit_event(event)
    pieces = [piece async for piece in await house.auth.own_account.export(pair.principal)]
    assert max(piece.count('"event"') for piece in pieces) <= 500
    assert len(json.loads("".join(pieces))["activity"]) > 1500


async def test_s39_an_export_of_many_sessions_comes_in_pieces(each_house: House) -> None:
    """Sessions and events are read and written a hundred at a time, and none is lost between two pieces."""
    house = each_house
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    [own] = await house.store.sessions_of(user.id, now=house.clock.now())
    ids = {own.id, *(f"s{number}" for number in range(220))}
    for session_id in ids - {own.id}:
        assert await house.store.add_session(replace(own, id=session_id), most=300)
    for _ in range(150):
        await house.store.add_audit_event(house.auth.audit.event("login", client=API, user_id=user.id))
    pieces = [piece async for piece in await house.auth.own_account.export(pair.principal)]
    assert max(piece.count('"id"') for piece in pieces) <= 101  # the account is in the first piece
    export = json.loads("".join(pieces))
    assert {session["id"] for session in export["sessions"]} == ids
    assert len(export["activity"]) > 150


async def test_a_deletion_needs_the_password(limited: House) -> None:
    """Deleting the account needs the password, and is limited like any other guess (item 25)."""
    await limited.make_user()
    pair = await limited.auth.sessions.log_in(EMAIL, PASSWORD, API)
    delete = limited.auth.own_account.delete
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await delete(pair.principal, OTHER_PASSWORD, API)
    with pytest.raises(TooManyRequests):
        await delete(pair.principal, OTHER_PASSWORD, API)
    limited.clock.step(minutes=5)
    await delete(pair.principal, PASSWORD, API)
    for gone in (limited.auth.own_account.export(pair.principal), delete(pair.principal, PASSWORD, API)):
        with pytest.raises(NotFound):
            await gone
