"""The search of the MongoDB store: each of its steps is one range of an index, read in that index's order."""

from __future__ import annotations

from typing import Final

from pymongo import ASCENDING

from app.auth.models import Page, User
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import USERS, Document, record_from
from app.store.search import Found, Phase, Search, page_of_users

#: The index of each phase, and the fields of it that the phase goes by: the beginning of the first one counts.
_INDEX: Final = {Phase.EMAIL: "email_key", Phase.NAME: "by_name", Phase.LAST_NAME: "by_last_name"}
_ORDER: Final = {
    Phase.EMAIL: ("email_key",),
    Phase.NAME: ("name_key", "email_key"),
    Phase.LAST_NAME: ("last_name_key", "email_key"),
}


class MongoUserSearch(MongoPart):
    """Finds users in pages."""

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
    """The filter of one step."""
    begins = {"$gte": search.lower, **({} if search.upper is None else {"$lt": search.upper})}
    which: Document = {_ORDER[search.phase][0]: begins}
    for phase in Phase:
        if phase < search.phase:
            which[_ORDER[phase][0]] = {"$regex": _not_beginning_with(search.lower)}
    return which


def _not_beginning_with(prefix: str) -> str:
    """A regular expression for whom no earlier phase found: unlike `$not`, one is decided in the index.

    Every character goes in by its number, so that none means anything.
    """
    return "^(?!" + "".join(f"\\x{{{ord(char):x}}}" for char in prefix) + ")"
