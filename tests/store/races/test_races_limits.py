"""A limit is part of the write: many who ask at once, in two processes, never exceed it together."""

from __future__ import annotations

import asyncio

from app.auth.ports import LoginRecord
from tests.store.records import NOW, make_event, make_session, make_token, make_user, opened

LIMIT = 50


async def test_s45_a_hundred_and_fifty_tokens_at_once_are_fifty(database_url: str) -> None:
    """An account never has more tokens than its limit, over two stores as two processes have them."""
    async with opened(database_url) as one, opened(database_url) as other:
        made = await asyncio.gather(
            *(
                store.add_token(make_token(f"t{number}{store is one}"), limit=LIMIT)
                for number in range(75)
                for store in (one, other)
            )
        )
        assert made.count(True) == len(await one.tokens_of("u1")) == LIMIT
        # A place that becomes free is given to one of many again.
        assert await one.remove_token("u1", (await one.tokens_of("u1"))[0].id)
        again = [
            store.add_token(make_token(f"a{number}{store is one}"), limit=LIMIT)
            for number in range(5)
            for store in (one, other)
        ]
        assert (await asyncio.gather(*again)).count(True) == 1
        assert len(await one.tokens_of("u1")) == LIMIT


async def test_s39_a_hundred_and_fifty_logins_at_once_leave_as_many_sessions_as_may_be(database_url: str) -> None:
    """However many are added, over two stores as two processes have them, the account is left with its limit."""
    async with opened(database_url) as one, opened(database_url) as other:
        await one.add_user(make_user())
        added = await asyncio.gather(
            *(
                store.add_session(make_session(f"s{number}{store is one}"), most=LIMIT)
                for number in range(75)
                for store in (one, other)
            )
        )
        assert all(added)
        assert len(await one.sessions_of("u1", now=NOW, limit=200)) == LIMIT
        displaced = {session_id for each in added if each for session_id in each.displaced}
        assert displaced == {each.session_id for each in await one.revoked_since(NOW)}


async def test_s39_devices_that_are_new_at_once_leave_as_many_as_may_be(database_url: str) -> None:
    """However many log in from new devices, over two stores, the account knows its limit of them."""
    async with opened(database_url) as one, opened(database_url) as other:
        await one.add_user(make_user())
        keys = [f"d{number}{store is one}" for number in range(20) for store in (one, other)]
        await asyncio.gather(
            *(
                store.add_session(make_session(key), record=LoginRecord(make_event(key), key, devices=5))
                for store, key in zip([one, other] * 20, keys, strict=True)
            )
        )
        found = await one.user_to_log_in("u1@example.org", devices=keys)
        assert found is not None
        assert len(found.known_devices) == 5
