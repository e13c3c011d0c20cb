"""MongoDB: several processes finish what goes with a new password at once, or long after one of them died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from app.auth.models import LinkPurpose
from app.store.mongo.store import MongoStore
from tests.store.records import (
    NOW,
    add_sessions,
    make_event,
    make_link,
    make_session,
    make_token,
    new_password,
    opened,
)


class Paused(MongoStore):
    """A process that stops before a step, until it is told to go on."""

    stops_at = ""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def _stop(self, step: str) -> None:
        if self.stops_at == step:
            self.reached.set()
            await self.go_on.wait()

    async def _end_sessions(self, *given: Any) -> None:
        await self._stop("the sessions")
        await super()._end_sessions(*given)

    async def _put(self, name: str, document: Any) -> Any:
        await self._stop("the rows")
        return await super()._put(name, document)


class Killed(Exception):
    """The process is gone."""


async def _die(*_: Any) -> None:
    raise Killed


@pytest.fixture
async def slow(mongo_database_url: str) -> AsyncIterator[Paused]:
    """A process that can be stopped, with a user who has two sessions."""
    store = Paused(mongo_database_url)
    await store.open()
    try:
        await add_sessions(store, "s1", "s2")
        yield store
    finally:
        store.go_on.set()
        await store.close()


async def test_what_ended_is_told_whoever_was_faster(slow: Paused, mongo_database_url: str) -> None:
    """Another process that comes between does the work, and the one that changed the password hears of it."""
    slow.stops_at = "the sessions"
    change = asyncio.create_task(slow.replace_password(new_password(keep="s2")))
    await slow.reached.wait()
    async with opened(mongo_database_url) as other:
        await other.session_with_user("s1")
    slow.go_on.set()
    replaced = await change
    assert replaced is not None
    assert replaced.ended == ("s1",)


async def test_a_slow_process_does_not_log_out_who_changed_it_again(slow: Paused, mongo_database_url: str) -> None:
    """The kept session has the version of the latest change, not of the one that it still works on."""
    slow.stops_at = "the sessions"
    change = asyncio.create_task(slow.replace_password(new_password(keep="s2")))
    await slow.reached.wait()
    async with opened(mongo_database_url) as other:
        assert await other.replace_password(new_password(keep="s2", credentials_version=1))
        slow.go_on.set()
        assert await change
        found = await other.session_with_user("s2")
    assert found is not None
    assert found.is_live(NOW)


async def test_what_is_made_after_it_stays(slow: Paused, mongo_database_url: str) -> None:
    """A slow process, or one that died, removes nothing that is newer than the password whose note it has."""
    slow.stops_at = "the rows"
    reset = asyncio.create_task(slow.replace_password(new_password()))
    await slow.reached.wait()
    async with opened(mongo_database_url) as other:
        assert await other.add_session(make_session("new", credentials_version=1))
        assert await other.add_token(make_token("t1"), limit=9)
        await other.add_link(make_link("change", user_id="u1", purpose=LinkPurpose.CHANGE_EMAIL.value))
        assert await other.session_with_user("new")
        slow.go_on.set()
        assert await reset
        assert [token.id for token in await other.tokens_of("u1")] == ["t1"]
        assert await other.link("change", now=NOW) is not None


async def test_a_slow_process_leaves_the_next_note(slow: Paused, mongo_database_url: str) -> None:
    """What a later change has left to do is not taken for done when an earlier one is."""
    slow.stops_at = "the rows"
    change = asyncio.create_task(slow.replace_password(new_password(keep="s2")))
    await slow.reached.wait()
    async with opened(mongo_database_url) as other:
        assert isinstance(other, MongoStore)
        await other.session_with_user("s2")
        other._end_sessions = _die  # type: ignore[assignment, method-assign]
        later = new_password(event=make_event("later", user_id="u1"), credentials_version=1)
        with pytest.raises(Killed):
            await other.replace_password(later)
        slow.go_on.set()
        assert await change
    async with opened(mongo_database_url) as third:
        assert "later" in [event.id for event in (await third.audit_events()).items]


class Hesitant(MongoStore):
    """A process between whose look at a session and whose look at its user something happens, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def _with_user(self, name: str, which: Any) -> Any:
        if self.meanwhile is None:
            return await super()._with_user(name, which)
        meanwhile, self.meanwhile = self.meanwhile, None
        session: Any = await self._collection(name).find_one(which)
        await meanwhile()
        return {**session, "user": await self._collection("users").find_one({"_id": session["user_id"]})}


@pytest.mark.parametrize("keep", ["s1", "s2"])
async def test_who_changes_it_is_not_logged_out(slow: Paused, mongo_database_url: str, keep: str) -> None:
    """Where the session was read before the change and its user after it, the one that goes on is seen to live."""
    hesitant = Hesitant(mongo_database_url)
    await hesitant.open()
    try:
        hesitant.meanwhile = lambda: slow.replace_password(new_password(keep=keep))
        found = await hesitant.session_with_user("s1")
    finally:
        await hesitant.close()
    assert found is not None
    assert found.is_live(NOW) == (keep == "s1")


async def test_what_was_left_long_ago_is_told_by_the_next_poll(slow: Paused, mongo_database_url: str) -> None:
    """A process that runs already ends the sessions as of now: no poll would look back to when the other died."""
    slow._end_sessions = _die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await slow.replace_password(new_password(keep="s2"))
    now = datetime.now(UTC)
    long_ago = now - timedelta(minutes=5)
    async with opened(mongo_database_url) as neighbour:
        # The start has finished it; so it is put back as it was, five minutes ago.
        with MongoClient[dict[str, Any]](mongo_database_url) as client:
            database = client.get_default_database()
            database["sessions"].update_one(
                {"_id": "s1"}, {"$unset": {"revoked_at": True, "revocation": True}, "$set": {"revoked_reason": ""}}
            )
            note = {
                "mark": ObjectId.from_datetime(long_ago),
                "at": long_ago,
                "version": 0,
                "reason": "password_changed",
                "keep": "s2",
                "wiped": [],
                "event": {"_id": "e1", "at": long_ago, "event": "password_changed"},
                "letter": None,
            }
            database["users"].update_one({"_id": "u1"}, {"$set": {"unfinished": note}})
        told = await neighbour.revoked_since(now - timedelta(seconds=1))
    assert [(each.session_id, each.reason) for each in told] == [("s1", "password_changed")]
