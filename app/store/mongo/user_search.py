"""Searches users in the MongoDB store: each step reads one range of an index, in that index's order."""

from __future__ import annotations

from typing import Final

from pymongo import ASCENDING

from app.auth.models import Page, User
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import USERS, Document, record_from
from app.store.search import Found, Phase, Search, page_of_users

#: The index of each phase, and its fields in their order. The search compares the beginning of the first.
_INDEX: Final = {Phase.EMAIL: "email_key", Phase.NAME: "by_name", Phase.LAST_NAME: "by_last_name"}
_ORDER: Final = {
    Phase.EMAIL: ("email_key",),
    Phase.NAME: ("name_key", "email_key"),
    Phase.LAST_NAME: ("last_name_key", "email_key"),
}


class MongoUserSearch(MongoPart):
    """Finds users, a page at a time."""

    async def find_users(self, query: str = "", *, cursor: str = "", limit: int = 100) -> Page[User]:
        return await page_of_users(self._step, query, cursor=cursor, limit=limit)

    async def _step(self, search: Search) -> Found:
        fields = _ORDER[search.phase]
        documents = await self._page(
            USERS,
            condition(search),
            [(field, ASCENDING) for field in fields],
            after=search.after,
            limit=search.limit,
            index=_INDEX[search.phase],
        )
        return [(record_from(User, each), tuple(each[field] for field in fields)) for each in documents]


def condition(search: Search) -> Document:
    """Returns the filter of one step."""
    begins = {"$gte": search.lower, **({} if search.upper is None else {"$lt": search.upper})}
    which: Document = {_ORDER[search.phase][0]: begins}
    for phase in Phase:
        if phase < search.phase:
            which[_ORDER[phase][0]] = {"$regex": _not_beginning_with(search.lower)}
    return which


def _not_beginning_with(prefix: str) -> str:
    """Returns a regular expression for users whom no earlier phase found. Unlike `$not`, the index decides it.

    Every character is written as its code point, so that none has a special meaning.
    """
    return "^(?!" + "".join(f"\\x{{{ord(char):x}}}" for char in prefix) + ")"
