"""Not every MongoDB server has transactions, so a process that dies midway must still leave nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from app.auth.models import LinkPurpose
from app.auth.ports import MailedLink, Store
from app.store.mongo.store import MongoStore
from tests.store.records import (
    DAY,
    NOW,
    add_sessions,
    make_event,
    make_letter,
    make_link,
    make_session,
    make_token,
    new_password,
    opened,
)

RESET = new_password(
    link=MailedLink("reset", "u1@example.org"),
    event=make_event("e1", user_id="u1", event="password_reset"),
    letter=make_letter("p1", kind="password-changed", user_id="u1"),
)


class Killed(Exception):
    """Raised where the process dies."""


class DyingStore(MongoStore):
    """The store of a process that dies at one of the steps after the deciding write."""

    dies_at = ""

    async def _end_sessions(self, *given: Any) -> None:
        if self.dies_at == "the sessions":
            raise Killed
        await super()._end_sessions(*given)

    async def _put(self, name: str, document: Any) -> Any:
        if self.dies_at == "the rows":
            raise Killed
        return await super()._put(name, document)


@pytest.fixture(params=["the sessions", "the rows"])
async def left(request: pytest.FixtureRequest, mongo_database_url: str) -> AsyncIterator[str]:
    """The URL of a database on which a process died while resetting a password."""
    dying = DyingStore(mongo_database_url)
    await dying.open()
    try:
        await add_sessions(dying, "s1")
        assert await dying.add_token(make_token("t1"), limit=9)
        link = make_link("reset", user_id="u1", email="u1@example.org", purpose=LinkPurpose.RESET_PASSWORD.value)
        await dying.add_link(link)
        dying.dies_at = request.param
        with pytest.raises(Killed):
            await dying.replace_password(RESET)
        yield mongo_database_url
    finally:
        await dying.close()


@pytest.fixture
async def neighbour(left: str) -> AsyncIterator[Store]:
    """Another process, which has been running all the time and has done nothing since."""
    store = MongoStore(left)
    store._finish_all = _nothing  # type: ignore[method-assign]
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def _nothing(**_: Any) -> None:
    """Finish nothing, as in a process that opened its store before the other one died."""


async def test_no_old_session_is_seen_to_live(neighbour: Store) -> None:
    """As soon as the new password is set, the first look at an old session finds it ended."""
    user = await neighbour.user_by_id("u1")
    assert user is not None
    assert (user.password_hash, user.credentials_version) == ("new", 1)
    found = await neighbour.session_with_user("s1")
    assert found is not None
    assert not found.is_live(NOW)
    assert found.session.revoked_reason == "password_changed"


async def test_no_old_access_token_counts(neighbour: Store) -> None:
    """A poll tells that the user's rights changed, even before anybody looks at the session."""
    assert [each.rights_version for each in await neighbour.rights_changed_since(NOW)] == [2]


async def test_no_personal_token_is_seen(neighbour: Store) -> None:
    """The first use of a token finds that it is gone."""
    assert await neighbour.token_with_user("hash of t1") is None


async def test_the_link_is_used_up(neighbour: Store) -> None:
    """A second use of the link is refused."""
    again = new_password(link=RESET.link, credentials_version=1)
    assert await neighbour.replace_password(again) is None
    assert await neighbour.link("reset", now=NOW) is None


async def test_a_start_finishes_it(left: str) -> None:
    """The next process that opens the store writes what is missing, once."""
    for _ in range(2):
        async with opened(left) as store:
            assert (await store.audit_events()).items == [RESET.event]
            assert await store.sessions_of("u1", now=NOW) == []
    async with opened(left) as store:
        assert await store.claim_letter(now=NOW, until=NOW + DAY) is not None
        assert await store.claim_letter(now=NOW, until=NOW + DAY) is None
        assert await store.tokens_of("u1") == []
        assert await store.link("reset", now=NOW) is None


async def test_so_does_the_upkeep(neighbour: Store) -> None:
    """The upkeep of a process that is already running finishes it too."""
    neighbour._finish_all = MongoStore._finish_all.__get__(neighbour)  # type: ignore[attr-defined]
    await neighbour.purge(now=NOW, sessions_before=NOW, audit_before=NOW - DAY)
    assert (await neighbour.audit_events()).items == [RESET.event]


async def test_a_late_finish_leaves_what_is_new(neighbour: Store) -> None:
    """A session that began with the new password meanwhile does not count as an old one."""
    assert await neighbour.add_session(make_session("new", credentials_version=1))
    found = await neighbour.session_with_user("new")
    assert found is not None
    assert found.is_live(NOW)


async def test_what_a_clock_that_is_ahead_has_made_ends_too(mongo_database_url: str) -> None:
    """A token and a link whose container's clock is a minute ahead do not outlive the password."""
    async with opened(mongo_database_url) as store:
        await add_sessions(store, "s1")
        ahead = NOW + timedelta(seconds=60)
        assert await store.add_token(make_token("t1", created_at=ahead), limit=9)
        purpose = LinkPurpose.RESET_PASSWORD.value
        await store.add_link(make_link("again", user_id="u1", purpose=purpose, created_at=ahead))
        assert await store.replace_password(new_password())
        assert await store.tokens_of("u1") == []
        assert await store.link("again", now=NOW) is None
