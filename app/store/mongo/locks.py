"""Locks in MongoDB, for the few things that only one process may do at a time and that one write can't decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from app.auth.errors import StoreUnavailable
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import LOCKS, Document

#: The lock under which active admins come and go, and under which something may depend on one.
ADMINS: Final = "admins"
#: How long a lock counts, in milliseconds: several times as long as a call may take, so that its holder never
#: writes after another one got it. It frees itself if its holder dies.
LEASE: Final = 10_000
#: How long a caller waits for a lock, and how long it pauses between two tries, in seconds.
PATIENCE: Final = 1.2
PAUSE: Final = 0.02


class MongoLocks(MongoPart):
    """Locks are leases by the server's clock, which is the same for all processes."""

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[None]:
        """Holds the lock `name`. It is used within a `_call`, which limits its time. Raises `StoreUnavailable`."""
        holder = ObjectId()
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE
        while not await self._took(name, holder):
            if clock() > deadline:
                raise StoreUnavailable
            await asyncio.sleep(PAUSE)
        try:
            yield
        finally:
            # The work is done: if this fails, the lease runs out.
            with suppress(PyMongoError):
                await self._collection(LOCKS).update_one(
                    {"_id": name, "holder": holder}, {"$unset": {"until": True}}
                )

    async def _took(self, name: str, holder: ObjectId) -> bool:
        is_free = {"$lte": ["$until", "$$NOW"]}  # also true if there is no `until`
        lease: Document = {
            "holder": {"$cond": [is_free, holder, "$holder"]},
            "until": {"$cond": [is_free, {"$add": ["$$NOW", LEASE]}, "$until"]},
        }
        try:
            lock = await self._collection(LOCKS).find_one_and_update(
                {"_id": name}, [{"$set": lease}], upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # two created the lock at once
            return False
        return bool(lock["holder"] == holder)
