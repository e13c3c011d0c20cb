"""The audit log of the MongoDB store, and its upkeep."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo import DESCENDING

from app.auth.models import AuditEvent
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import AUDIT_EVENTS, SESSIONS, Document, document_of
from app.store.values import instant, number, text

#: Documents that one step of `purge` removes.
PURGE_BATCH: Final = 500
#: How long one `purge` goes on, in seconds.
PURGE_TIME: Final = 2.0


class MongoAudit(MongoPart):
    """What happened, and the removal of what is old."""

    async def add_audit_event(self, event: AuditEvent) -> None:
        # An ObjectId counts up within a process: it orders the events of one millisecond.
        document = {**document_of(event), "seq": ObjectId()}
        await self._call(lambda: self._collection(AUDIT_EVENTS).insert_one(document))

    async def audit_events(self, *, user_id: str | None = None, limit: int = 100) -> list[AuditEvent]:
        which = {} if user_id is None else {"user_id": text(user_id)}
        return await self._find(
            AuditEvent, AUDIT_EVENTS, which, [("at", DESCENDING), ("seq", DESCENDING)], number(limit)
        )

    async def purge(self, *, sessions_before: datetime, audit_before: datetime) -> int:
        old = {"$lt": instant(sessions_before)}
        gone = await self._purge(
            SESSIONS, {"$or": [{"revoked_at": old}, {"expires_at": old}, {"idle_expires_at": old}]}
        )
        return gone + await self._purge(AUDIT_EVENTS, {"at": {"$lt": instant(audit_before)}})

    async def _purge(self, name: str, which: Document) -> int:
        async def batch() -> tuple[int, int]:
            found = await self._collection(name).find(which, {"_id": True}).limit(PURGE_BATCH).to_list(None)
            ids = [document["_id"] for document in found]
            result = await self._collection(name).delete_many({**which, "_id": {"$in": ids}})
            return len(ids), result.deleted_count

        clock = asyncio.get_running_loop().time
        deadline, gone, found = clock() + PURGE_TIME, 0, PURGE_BATCH
        while found == PURGE_BATCH and clock() < deadline:
            found, deleted = await self._call(batch)
            gone += deleted
        return gone
