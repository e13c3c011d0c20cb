"""A new password: everything that goes with it is written, or nothing is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.auth.models import Link, LinkPurpose, SessionOfUser
from app.auth.ports import MailedLink, Store
from tests.store.records import (
    DAY,
    MS,
    NOW,
    add_sessions,
    make_bucket,
    make_event,
    make_letter,
    make_link,
    make_session,
    make_token,
    make_user,
    new_password,
    session_of,
)

RESET, CHANGE = LinkPurpose.RESET_PASSWORD.value, LinkPurpose.CHANGE_EMAIL.value
LINK = MailedLink("reset", "u1@example.org")
LETTER = make_letter("p1", kind="password-changed", user_id="u1")
EVENT = make_event("e1", user_id="u1", event="password_reset")


async def furnish(store: Store) -> None:
    """Store two users, each with two sessions, two tokens, links of each kind and a counter."""
    for user_id, prefix in (("u1", ""), ("u2", "other ")):
        await add_sessions(store, f"{prefix}s1", f"{prefix}s2", user_id=user_id)
        for token_id in (f"{prefix}t1", f"{prefix}t2"):
            assert await store.add_token(make_token(token_id, user_id), limit=9)
        for link_id, purpose in (("reset", RESET), ("again", RESET), ("change", CHANGE), ("invite", "invite")):
            await store.add_link(reset_link(f"{prefix}{link_id}", user_id, purpose))
    assert await store.hit(make_bucket(key="account", free=1), now=NOW) is None


def reset_link(link_id: str, user_id: str = "u1", purpose: str = RESET) -> Link:
    """A link about a user's account."""
    return make_link(link_id, user_id=user_id, purpose=purpose, email=f"{user_id}@example.org")


async def links_left(store: Store, prefix: str = "") -> set[str]:
    """Which of the links that `furnish` made are still there."""
    ids = [f"{prefix}{link_id}" for link_id in ("reset", "again", "change", "invite")]
    return {link_id for link_id in ids if await store.link(link_id, now=NOW) is not None}


async def assert_nothing_changed(store: Store) -> None:
    """Assert that all that `furnish` made is there, and nothing else."""
    assert await store.user_by_id("u1") == make_user("u1")
    assert len(await store.sessions_of("u1", now=NOW)) == 2
    assert len(await store.tokens_of("u1")) == 2
    assert await links_left(store) == {"reset", "again", "change", "invite"}
    assert await store.hit(make_bucket(key="account", free=1), now=NOW) is not None
    assert (await store.audit_events()).items == []
    assert await store.claim_letter(now=NOW, until=NOW + DAY) is None


async def test_all_of_a_reset_is_written(store: Store) -> None:
    """The hash, the endings, the removals, the audit row and the letter are written, and nothing of other users
    changes."""
    await furnish(store)
    new = new_password(link=LINK, letter=LETTER, event=EVENT, wiped=("account", "nothing"), at=NOW + MS)
    replaced = await store.replace_password(new)
    assert replaced is not None
    assert set(replaced.ended) == {"s1", "s2"}
    changed = make_user(
        "u1",
        password_hash="new",
        password_changed_at=NOW + MS,
        is_email_verified=True,
        credentials_version=1,
        rights_version=2,
        rights_changed_at=NOW + MS,
    )
    assert await store.user_by_id("u1") == replaced.user == changed
    for session_id in ("s1", "s2"):
        ended = await session_of(store, session_id)
        assert (ended.revoked_at, ended.revoked_reason) == (NOW + MS, "password_changed")
    assert await store.tokens_of("u1") == []
    assert await links_left(store) == {"invite"}
    assert await store.hit(make_bucket(key="account", free=1), now=NOW) is None
    assert (await store.audit_events()).items == [EVENT]
    assert await store.claim_letter(now=NOW, until=NOW + DAY) == replace(LETTER, due_at=NOW + DAY, attempts=1)
    assert await store.user_by_id("u2") == make_user("u2")
    assert len(await store.sessions_of("u2", now=NOW)) == len(await store.tokens_of("u2")) == 2
    assert len(await links_left(store, "other ")) == 4
    assert [each.user_id for each in await store.rights_changed_since(NOW)] == ["u1"]
    assert {each.session_id for each in await store.revoked_since(NOW)} == {"s1", "s2"}


async def test_the_session_that_changes_its_password_goes_on(store: Store) -> None:
    """The user's tokens and rights stay as well, while mails about the old password become void."""
    await furnish(store)
    replaced = await store.replace_password(new_password(keep="s2", event=EVENT))
    assert replaced is not None
    assert replaced.ended == ("s1",)
    assert replaced.user == make_user("u1", password_hash="new", password_changed_at=NOW, credentials_version=1)
    kept = await store.session_with_user("s2")
    assert kept is not None
    assert kept.is_live(NOW)
    assert kept.session == make_session("s2", credentials_version=1)
    gone = await store.session_with_user("s1")
    assert gone is not None
    assert not gone.is_live(NOW)
    assert len(await store.tokens_of("u1")) == 2
    assert await links_left(store) == {"invite"}
    assert await store.rights_changed_since(NOW) == []


@pytest.mark.parametrize("keep", ["other s1", "nothing"])
async def test_nobody_else_s_session_is_kept(store: Store, keep: str) -> None:
    """An id that is not one of the user's own sessions keeps no session and changes none."""
    await furnish(store)
    replaced = await store.replace_password(new_password(keep=keep))
    assert replaced is not None
    assert set(replaced.ended) == {"s1", "s2"}
    assert (await session_of(store, "other s1")).credentials_version == 0


@pytest.mark.parametrize(
    "why", ["credentials", "link used", "link of another", "link too old", "address", "disabled", "nobody"]
)
async def test_what_does_not_count_any_more_changes_nothing(store: Store, why: str) -> None:
    """A changed password, a void link, or an account that the link may not open means that nothing is written."""
    await furnish(store)
    new = new_password(link=LINK, letter=LETTER, event=EVENT, wiped=("account",))
    refused = {
        "credentials": replace(new, credentials_version=1),
        "link used": replace(new, link=MailedLink("used", "u1@example.org")),
        "link of another": replace(new, link=MailedLink("other reset", "u1@example.org")),
        "link too old": replace(new, at=NOW + 365 * DAY),
        "address": replace(new, link=MailedLink("reset", "old@example.org")),
        "nobody": replace(new, user_id="u3"),
        "disabled": new,
    }[why]
    if why == "disabled":
        await store.set_rights("u1", at=NOW, is_active=False)
        assert await store.replace_password(refused) is None
        await store.set_rights("u1", at=NOW, is_active=True)
        user = await store.user_by_id("u1")
        assert user is not None
        assert (user.password_hash, user.credentials_version) == ("hash", 0)
        return
    assert await store.replace_password(refused) is None
    await assert_nothing_changed(store)


async def test_who_runs_the_site_sets_a_disabled_account_s_password(store: Store) -> None:
    """Without a link, only the account's credentials have to be as expected."""
    await store.add_user(make_user(is_active=False))
    replaced = await store.replace_password(new_password())
    assert replaced is not None
    assert (replaced.user.password_hash, replaced.user.is_email_verified) == ("new", False)


async def test_a_link_is_taken_once(store: Store) -> None:
    """Of ten callers who use the link at once one sets the password, and nobody can use it afterwards."""
    await furnish(store)
    news = [new_password("u1", f"new {number}", link=LINK) for number in range(10)]
    outcomes = await asyncio.gather(*map(store.replace_password, news))
    [replaced] = [outcome for outcome in outcomes if outcome is not None]
    assert await store.user_by_id("u1") == replaced.user
    assert await store.replace_password(new_password(link=LINK, credentials_version=1)) is None
    assert len((await store.audit_events()).items) == 1


async def test_what_was_made_at_the_last_moment_goes_too(store: Store) -> None:
    """Between the reading of the clock and the write, or by a process whose clock is ahead: it is older than the
    new password, and the link that was followed works once."""
    await store.add_user(make_user())
    assert await store.add_token(make_token("t1", created_at=NOW + 5000 * MS), limit=9)
    for link_id, purpose in (("reset", RESET), ("change", CHANGE)):
        link = make_link(
            link_id, user_id="u1", email="u1@example.org", purpose=purpose, created_at=NOW + 5000 * MS
        )
        await store.add_link(link)
    assert await store.replace_password(new_password(link=LINK))
    assert await store.tokens_of("u1") == []
    assert await links_left(store) == set()
    assert await store.replace_password(new_password(link=LINK, credentials_version=1)) is None


async def test_an_older_session_does_not_count_even_if_nobody_ended_it(store: Store) -> None:
    """A container of an older Duet adds one without the version that the account has by now."""
    await store.add_user(make_user())
    assert await store.replace_password(new_password())
    assert await store.add_session(make_session("s1", credentials_version=1))
    found = await store.session_with_user("s1")
    assert found is not None
    older = SessionOfUser(replace(found.session, credentials_version=0), found.user)
    assert found.is_live(NOW)
    assert not older.is_live(NOW)


async def test_a_better_hash_is_none_of_a_newer_password(store: Store) -> None:
    """A login that proved the old password does not put that one's hash in the place of the new one's."""
    await store.add_user(make_user())
    assert await store.upgrade_password_hash("u1", "better", credentials_version=0)
    assert await store.replace_password(new_password())
    assert not await store.upgrade_password_hash("u1", "of the old one", credentials_version=0)
    user = await store.user_by_id("u1")
    assert user is not None
    assert (user.password_hash, user.credentials_version) == ("new", 1)


async def test_a_new_session_is_none_of_the_old_password_s(store: Store) -> None:
    """A session that begins with the new password lives on, and one proven by the old password does not begin."""
    await furnish(store)
    assert await store.replace_password(new_password())
    assert await store.add_session(make_session("late")) is None
    assert await store.add_session(make_session("new", credentials_version=1))
    found = await store.session_with_user("new")
    assert found is not None
    assert found.is_live(NOW)
    assert [session.id for session in await store.sessions_of("u1", now=NOW)] == ["new"]


async def test_by_what_a_session_began_is_kept(store: Store) -> None:
    """The kinds of proof are kept in the order in which they were given."""
    await store.add_user(make_user())
    assert await store.add_session(make_session("s1", amr=("otp", "pwd", "mfa")))
    assert (await session_of(store)).amr == ("otp", "pwd", "mfa")
