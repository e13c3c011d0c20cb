"""Removes what the MongoDB store no longer has to keep."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from app.store.mongo.schema import AUDIT_EVENTS, DEVICES, HITS, INSTANCES, LINKS, SESSIONS, TOKENS, Document
from app.store.mongo.unfinished import MongoUnfinished
from app.store.values import KEEP_DEVICES, KEEP_INSTANCES, instant

#: How many documents one step of `purge` removes at most.
PURGE_BATCH: Final = 500
#: How long one `purge` goes on, in seconds.
PURGE_TIME: Final = 2.0


class MongoUpkeep(MongoUnfinished):
    """Removes what is old, a batch at a time. If nobody calls `purge`, the TTL indexes do most of this, later."""

    async def purge(self, *, now: datetime, sessions_before: datetime, audit_before: datetime) -> int:
        await self._call(self._finish_all)
        old, over = {"$lt": instant(sessions_before)}, {"expires_at": {"$lt": instant(now)}}
        return await self._purge(
            (SESSIONS, {"$or": [{"revoked_at": old}, {"expires_at": old}, {"idle_expires_at": old}]}),
            (LINKS, over),
            (HITS, over),
            (TOKENS, over),
            (DEVICES, {"seen_at": {"$lt": instant(now - KEEP_DEVICES)}}),
            (INSTANCES, {"seen_at": {"$lt": instant(now - KEEP_INSTANCES)}}),
            (AUDIT_EVENTS, {"at": {"$lt": instant(audit_before)}}),
        )

    async def _purge(self, *old: tuple[str, Document]) -> int:
        clock = asyncio.get_running_loop().time
        deadline, gone = clock() + PURGE_TIME, 0
        for name, which in old:
            found = PURGE_BATCH
            while found == PURGE_BATCH and clock() < deadline:
                found, deleted = await self._call(lambda name=name, which=which: self._batch(name, which))  # type: ignore[misc]
                gone += deleted
        return gone

    async def _batch(self, name: str, which: Document) -> tuple[int, int]:
        found = await self._collection(name).find(which, {"_id": True}).limit(PURGE_BATCH).to_list(None)
        ids = [document["_id"] for document in found]
        # The index of ids is named: the planner would take an index of what is old, and read all of it each time.
        result = await self._collection(name).delete_many({**which, "_id": {"$in": ids}}, hint="_id_")
        return len(ids), result.deleted_count
