"""Personal access tokens over each kind of store: how they are made, kept as hashes, used and removed."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.auth.bearers.personal import PersonalTokenExpired, TokenLifetimeInvalid, TokenNameInvalid, TooManyTokens
from app.auth.errors import (
    AccountDisabled,
    AuthError,
    NotFound,
    SessionRevoked,
    StoreUnavailable,
    TokenInvalid,
    TokenNotCurrent,
)
from app.auth.models import TOKEN_CLIENT, PersonalToken, Principal
from tests.auth.house import API, House, counting
from tests.kit.duet import PASSWORD


async def log_in(house: House, email: str = "ada@example.com", **given: Any) -> Principal:
    """Make an account, log in, and return the principal."""
    await house.make_user(email, **given)
    return (await house.auth.sessions.log_in(email, PASSWORD, API)).principal


async def make(house: House, ada: Principal, **given: Any) -> tuple[PersonalToken, str]:
    """Make a token for Ada."""
    return await house.auth.personal_tokens.create(ada, given.pop("name", "report"), API, **given)


async def refusal(house: House, text: str) -> type[AuthError]:
    """Why `text` does not count."""
    with pytest.raises(AuthError) as caught:
        await house.auth.personal_tokens.authenticate(text)
    return type(caught.value)


# made


async def test_nobody_borrows_another_s_session(house: House) -> None:
    """A forged token with somebody else's session makes no personal access token."""
    ada, eve = await log_in(house), await log_in(house, "eve@example.com")
    with pytest.raises(SessionRevoked):
        await make(house, replace(ada, session_id=eve.session_id))
    assert await house.auth.personal_tokens.of(ada) == []


async def test_a_token_tells_who_its_owner_is(each_house: House) -> None:
    """The principal has the owner's current roles, the token's lifetime, and a login that is never fresh."""
    ada = await log_in(each_house, roles=["editor"])
    token, text = await make(each_house, ada, expires_in_days=7)
    principal = await each_house.auth.personal_tokens.authenticate(text)
    assert (principal.user_id, principal.client_id, principal.scope) == (ada.user_id, TOKEN_CLIENT, "read write")
    assert (principal.session_id, principal.token_id, principal.amr) == (f"pat:{token.id}", token.id, ("pat",))
    assert principal.roles == {"editor"}
    assert principal.rights_version == ada.rights_version
    assert principal.auth_time == datetime(1970, 1, 1, tzinfo=UTC)
    assert principal.issued_at == each_house.clock.now()
    assert principal.expires_at == each_house.clock.now() + timedelta(days=7)


async def test_a_read_only_token_has_the_scope_to_read(each_house: House) -> None:
    """A read-only token has only the scope to read, so the policy refuses it everything that writes."""
    ada = await log_in(each_house)
    token, text = await make(each_house, ada, read_only=True)
    assert token.read_only
    assert (await each_house.auth.personal_tokens.authenticate(text)).scope == "read"


async def test_every_token_is_another(house: House) -> None:
    """A token is 256 random bits behind a prefix by which the gate, and scanners for leaked secrets, know it."""
    ada = await log_in(house)
    made = [await make(house, ada) for _ in range(20)]
    assert len({text for _, text in made} | {token.id for token, _ in made}) == 40
    assert all(re.fullmatch(r"duet_pat_[A-Za-z0-9_-]{43}", text) for _, text in made)


async def test_the_store_holds_no_token(house: House, tmp_path: Path) -> None:
    """The store holds only the SHA-256 of a token, and neither the token's id nor any row yields the token."""
    ada = await log_in(house)
    token, text = await make(house, ada, name="nightly report")
    await house.auth.personal_tokens.authenticate(text)
    await asyncio.sleep(0.05)
    await house.store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("duet.db"))
    assert b"nightly report" in kept
    assert hashlib.sha256(text.encode()).hexdigest().encode() in kept
    assert text.encode() not in kept
    assert text.removeprefix("duet_pat_").encode() not in kept
    assert text not in repr(token)
    assert token.token_hash not in repr(token)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  nightly  ", "nightly"),
        ("e\u0301", "é"),
        ("x" * 100, "x" * 100),
        ("🎼", "🎼"),
        ("{'$ne': 1}", "{'$ne': 1}"),
    ],
)
async def test_a_token_has_a_name(house: House, given: str, kept: str) -> None:
    """A name is trimmed, in normal form, and up to a hundred characters long."""
    ada = await log_in(house)
    assert (await make(house, ada, name=given))[0].name == kept


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 101, "a\nb", "\0", "\ud800", "\u202egpj", "\u200b", "e\u0301" * 9999]
)
async def test_a_token_without_a_usable_name_is_refused(house: House, name: str) -> None:
    """Without a usable name, the owner could not tell the token from others."""
    ada = await log_in(house)
    with pytest.raises(TokenNameInvalid):
        await make(house, ada, name=name)


@pytest.mark.parametrize("days", [0, -1, 366, 10**400, -(10**400)])
async def test_a_token_that_lives_too_long_is_refused(house: House, days: int) -> None:
    """So is a token without a lifetime; one that never ends is forgotten until somebody finds it."""
    ada = await log_in(house)
    with pytest.raises(TokenLifetimeInvalid):
        await make(house, ada, expires_in_days=days)
    assert await house.auth.personal_tokens.of(ada) == []
    for good in (1, 365):
        await make(house, ada, expires_in_days=good)


async def test_an_account_has_fifty_tokens_at_most(each_house: House) -> None:
    """The fifty-first token is refused until one is removed, while another account still has room."""
    ada = await log_in(each_house)
    for _ in range(50):
        await make(each_house, ada)
    with pytest.raises(TooManyTokens):
        await make(each_house, ada)
    await make(each_house, await log_in(each_house, "bo@example.com"))
    first = (await each_house.auth.personal_tokens.of(ada))[-1]
    await each_house.auth.personal_tokens.remove(ada, first.id, API)
    await make(each_house, ada)


# which tokens count


RUBBISH = [
    "",
    "duet_pat_",
    "duet_pat_" + "x" * 42,
    "duet_pat_" + "x" * 44,
    "duet_pat_" + "x" * 42 + "=",
    "duet_pat_" + "x" * 42 + "é",
    "duet_pat_" + "x" * 43 + "\n",
    " duet_pat_" + "x" * 43,
    "DUET_PAT_" + "x" * 43,
    "duet_pat_" + "x" * 42 + "\ud800",
    "duet_pat_" + "x" * 42 + "\0",
    "duet_pat_" + "x" * 1_000_000,
]


async def test_rubbish_asks_no_store(house: House) -> None:
    """Text that does not have the form of a token is refused before anything is looked up."""
    async with counting(house) as (auth, store):
        store.calls.clear()
        for text in RUBBISH:
            with pytest.raises(TokenInvalid):
                await auth.personal_tokens.authenticate(text)
            assert not await auth.personal_tokens.revoke(text, API)
        assert store.calls == []
        with pytest.raises(TokenInvalid):
            await auth.personal_tokens.authenticate("duet_pat_" + "x" * 43)
        assert store.calls == ["token_with_user"]


async def test_no_other_spelling_counts(house: House) -> None:
    """Other capitals, the hash and the id are refused, and so is a changed last bit: 43 characters hold two bits
    too many."""
    ada = await log_in(house)
    token, text = await make(house, ada)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]
    swapped = "duet_pat_" + text.removeprefix("duet_pat_").swapcase()
    for other in (loose, swapped, token.token_hash, f"duet_pat_{token.token_hash}", token.id, text[9:]):
        assert await refusal(house, other) is TokenInvalid


async def test_a_token_ends_at_its_time(each_house: House) -> None:
    """The token ends to the millisecond, and the refusal is not one that a renewal could mend, for nothing renews
    it."""
    ada = await log_in(each_house)
    _, text = await make(each_house, ada, expires_in_days=1)
    each_house.clock.step(days=1, milliseconds=-1)
    await each_house.auth.personal_tokens.authenticate(text)
    each_house.clock.step(milliseconds=1)
    assert await refusal(each_house, text) is PersonalTokenExpired
    assert not issubclass(PersonalTokenExpired, TokenNotCurrent)
    assert PersonalTokenExpired.code == "token_expired"


async def test_what_its_owner_loses_it_loses_at_once(each_house: House) -> None:
    """Losing a role, being disabled or being deleted counts with the next request, in every process."""
    ada = await log_in(each_house, roles=["editor"])
    _, text = await make(each_house, ada)
    administration = each_house.auth.administration
    async with counting(each_house) as (elsewhere, _):
        for auth in (each_house.auth, elsewhere):
            assert (await auth.personal_tokens.authenticate(text)).has_role("editor")
        await administration.set_roles(ada.user_id, ["author"], API)
        for auth in (each_house.auth, elsewhere):
            assert (await auth.personal_tokens.authenticate(text)).roles == {"author"}
        await administration.set_active(ada.user_id, False, API)
        for auth in (each_house.auth, elsewhere):
            with pytest.raises(AccountDisabled):
                await auth.personal_tokens.authenticate(text)
        await administration.set_active(ada.user_id, True, API)
        await elsewhere.personal_tokens.authenticate(text)
        await administration.delete(ada.user_id, API)
        for auth in (each_house.auth, elsewhere):
            with pytest.raises(TokenInvalid):
                await auth.personal_tokens.authenticate(text)


async def test_sessions_and_tokens_are_apart(house: House) -> None:
    """Logging out, ending all sessions and changing the password leave a token alone, and a token has no session
    of its own to keep or to end."""
    ada = await log_in(house)
    token, text = await make(house, ada)
    script = await house.auth.personal_tokens.authenticate(text)
    with pytest.raises(NotFound):
        await house.auth.endings.end(script, script.session_id, API)
    (session,) = await house.auth.sessions.of(script)
    assert session.id == ada.session_id
    await house.auth.endings.log_out(script, API)
    assert len(await house.auth.sessions.of(ada)) == 1
    assert await house.auth.endings.end_others(script, API) == 1
    again = (await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)).principal
    await house.auth.credentials.change_password(script, PASSWORD, "a wholly other phrase 7", API)
    assert await house.auth.sessions.of(again) == []
    assert (await house.auth.personal_tokens.authenticate(text)).token_id == token.id


async def test_the_store_that_is_away_is_told(house: House) -> None:
    """A token can't be judged without the store, so it is refused with an error that blames the store."""
    ada = await log_in(house)
    _, text = await make(house, ada)
    await house.store.close()
    assert await refusal(house, text) is StoreUnavailable


# last used


async def last_used(house: House, ada: Principal) -> datetime | None:
    """The last use as the list shows it, once the work beside the requests is done."""
    while house.auth.personal_tokens._touching:
        await asyncio.sleep(0.001)
    (token,) = await house.auth.personal_tokens.of(ada)
    return token.last_used_at


async def test_the_list_shows_when_it_was_last_used(each_house: House) -> None:
    """The list is right to the minute: there is one write a minute, however many requests, and no request waits
    for it."""
    ada = await log_in(each_house)
    _, text = await make(each_house, ada)
    assert await last_used(each_house, ada) is None
    first = each_house.clock.now()
    await asyncio.gather(*(each_house.auth.personal_tokens.authenticate(text) for _ in range(10)))
    assert await last_used(each_house, ada) == first
    each_house.clock.step(seconds=59)
    await each_house.auth.personal_tokens.authenticate(text)
    assert await last_used(each_house, ada) == first
    each_house.clock.step(seconds=1)
    await each_house.auth.personal_tokens.authenticate(text)
    assert await last_used(each_house, ada) == first + timedelta(minutes=1)


async def test_one_write_a_minute_and_process(house: House) -> None:
    """A burst makes one write, and a write by another process counts too."""
    ada = await log_in(house)
    _, text = await make(house, ada)
    async with counting(house) as (auth, store):
        await asyncio.gather(*(auth.personal_tokens.authenticate(text) for _ in range(20)))
        await last_used(House(auth, house.store, house.clock), ada)
        assert store.calls.count("touch_token") == 1
    async with counting(house) as (auth, store):
        await auth.personal_tokens.authenticate(text)
        assert store.calls.count("touch_token") == 0


async def test_a_use_that_can_not_be_noted_is_a_use_all_the_same(house: House) -> None:
    """A slow or failing write of the use neither delays nor refuses the caller, and raises nothing."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    ada = await log_in(house)
    _, text = await make(house, ada)
    async with counting(house) as (auth, store):
        stuck = asyncio.Event()

        async def fail() -> None:
            await stuck.wait()
            raise ZeroDivisionError

        store.after["touch_token"] = fail
        async with asyncio.timeout(5):
            assert (await auth.personal_tokens.authenticate(text)).user_id == ada.user_id
        stuck.set()
        await last_used(House(auth, house.store, house.clock), ada)
    gc.collect()  # This is when asyncio complains of an exception that nobody looked at.
    assert complaints == []


# claims


async def test_the_extensions_claims_come_along(house: House) -> None:
    """Extensions are asked once a minute, and at once when the roles change."""
    asked: list[tuple[str, ...]] = []

    async def plan(user: Any) -> str:
        asked.append(user.roles)
        return f"plan {len(asked)}"

    house.auth.extra_claims.add("plan", plan, owner="team")
    ada = await log_in(house)
    asked.clear()
    _, text = await make(house, ada)

    async def claims() -> dict[str, Any]:
        return dict((await house.auth.personal_tokens.authenticate(text)).claims)

    assert [await claims(), await claims()] == [{"plan": "plan 1"}] * 2
    await house.auth.administration.set_roles(ada.user_id, ["editor"], API)
    assert [await claims(), await claims()] == [{"plan": "plan 2"}] * 2
    house.clock.step(minutes=1)
    assert await claims() == {"plan": "plan 3"}
    assert asked == [(), ("editor",), ("editor",)]


# removed


async def test_a_removed_token_is_nothing(each_house: House) -> None:
    """A removed token is refused from that moment on; nobody can remove another's token, or one token twice."""
    ada, bo = await log_in(each_house), await log_in(each_house, "bo@example.com")
    token, text = await make(each_house, ada)
    tokens = each_house.auth.personal_tokens
    for stranger, token_id in ((bo, token.id), (ada, "none"), (ada, ""), (ada, token.token_hash), (ada, "pat:x")):
        with pytest.raises(NotFound):
            await tokens.remove(stranger, token_id, API)
    await tokens.authenticate(text)
    await tokens.remove(ada, token.id, API)
    assert await refusal(each_house, text) is TokenInvalid
    with pytest.raises(NotFound):
        await tokens.remove(ada, token.id, API)
    assert await tokens.of(ada) == []


async def test_whoever_holds_a_token_can_end_it(each_house: House) -> None:
    """A finder, for instance, can end the token and no other, even if it has expired or its owner is disabled."""
    ada = await log_in(each_house)
    tokens = each_house.auth.personal_tokens
    _, kept = await make(each_house, ada)
    _, leaked = await make(each_house, ada)
    assert await tokens.revoke(leaked, API)
    assert not await tokens.revoke(leaked, API)
    assert await refusal(each_house, leaked) is TokenInvalid
    await tokens.authenticate(kept)
    await each_house.auth.administration.set_active(ada.user_id, False, API)
    assert await tokens.revoke(kept, API)


async def test_the_list_is_the_newest_first(each_house: House) -> None:
    """The list has only one's own tokens; expired ones stay until the upkeep removes them."""
    ada, bo = await log_in(each_house), await log_in(each_house, "bo@example.com")
    names = ["first", "second", "third"]
    for name in names:
        await make(each_house, ada, name=name, expires_in_days=1)
        each_house.clock.step(seconds=1)
    each_house.clock.step(days=2)
    assert [token.name for token in await each_house.auth.personal_tokens.of(ada)] == names[::-1]
    assert await each_house.auth.personal_tokens.of(bo) == []


async def test_the_audit_log_tells_of_tokens(house: House) -> None:
    """The log names a token by its id, because its name may be private and its text is a secret."""
    ada = await log_in(house)
    token, text = await make(house, ada, name="key of the safe")
    other, leaked = await make(house, ada)
    await house.auth.personal_tokens.remove(ada, token.id, API)
    await house.auth.personal_tokens.revoke(leaked, API)
    events = (await house.store.audit_events(user_id=ada.user_id)).items
    rows = [(event.event, event.detail, event.ip) for event in events if "token" in event.event]
    assert rows == [
        ("personal_token_removed", other.id, API.ip),
        ("personal_token_removed", token.id, API.ip),
        ("personal_token_created", other.id, API.ip),
        ("personal_token_created", token.id, API.ip),
    ]
    assert "safe" not in str(events)
    assert text not in str(events)
