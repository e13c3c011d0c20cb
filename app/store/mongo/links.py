"""The one-time links of the MongoDB store."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pymongo import DESCENDING

from app.auth.models import Link
from app.store.mongo.schema import LINKS, Document, document_of, record_from
from app.store.mongo.unfinished import MongoUnfinished
from app.store.values import instant, number, text


class MongoLinks(MongoUnfinished):
    """One-time links. Those that are kept have not been used yet."""

    async def add_link(self, link: Link) -> None:
        document = document_of(link)

        async def work() -> None:
            own = await self._made_under(document["user_id"]) if document["user_id"] else {}
            await self._collection(LINKS).insert_one({**document, **own})

        await self._call(work)

    async def link(self, link_id: str, *, now: datetime) -> Link | None:
        return await self._one(Link, LINKS, _counting(link_id, now))

    async def take_link(self, link_id: str, *, now: datetime) -> Link | None:
        which = _counting(link_id, now)
        document = await self._call(lambda: self._collection(LINKS).find_one_and_delete(which))
        return None if document is None else record_from(Link, document)

    async def links_for(self, purpose: str, *, now: datetime, limit: int = 200) -> list[Link]:
        which = {"purpose": text(purpose), "expires_at": {"$gt": instant(now)}}
        newest = [("created_at", DESCENDING), ("_id", DESCENDING)]
        return await self._all(Link, LINKS, which, newest, number(limit))

    async def remove_links(self, user_id: str, purposes: Collection[str]) -> None:
        which = {"user_id": text(user_id), "purpose": {"$in": [text(purpose) for purpose in purposes]}}
        await self._call(lambda: self._collection(LINKS).delete_many(which))


def _counting(link_id: str, now: datetime) -> Document:
    return {"_id": text(link_id), "expires_at": {"$gt": instant(now)}}
