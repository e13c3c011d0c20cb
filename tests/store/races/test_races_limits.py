"""A limit is part of the write: many who ask at once, in two processes, never exceed it together."""

from __future__ import annotations

import asyncio

from tests.store.records import make_token, opened

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
