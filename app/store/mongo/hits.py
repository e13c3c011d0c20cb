"""The counters of the MongoDB store, which tell what is limited, and until when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeAlias

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from app.auth.models import Bucket
from app.auth.ports import Blocked
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import HITS, Document
from app.store.values import EPOCH, instant, limit_numbers, text

#: Each changes one document: the driver repeats such writes after a lost answer, but none of many (`retryWrites`).
HitsChanges: TypeAlias = list[UpdateOne | DeleteOne]


class MongoHits(MongoPart):
    """Counts a hit and checks its limit in one write."""

    async def hit(self, bucket: Bucket, *, now: datetime) -> datetime | None:
        return await self._call(lambda: self._hit(bucket, instant(now)))

    async def hit_all(self, buckets: Sequence[Bucket], *, now: datetime) -> Blocked | None:
        async def work() -> Blocked | None:
            for number, bucket in enumerate(buckets):
                until = await self._hit(bucket, instant(now))
                if until is not None:
                    await self._change(take_back_hits([one.key for one in buckets[:number]]))
                    return Blocked(bucket.key, until)
            return None

        return await self._call(work)

    async def take_back_hits(self, *keys: str) -> None:
        await self._call(lambda: self._change(take_back_hits(keys)))

    async def forget_hits(self, *keys: str) -> None:
        await self._call(lambda: self._change(forget_hits(keys)))

    async def _change(self, changes: HitsChanges) -> None:
        if changes:
            await self._collection(HITS).bulk_write(changes, ordered=False)

    async def _hit(self, bucket: Bucket, now: datetime) -> datetime | None:
        this = {"_id": text(bucket.key)}
        open_one = {**this, "blocked_until": {"$lte": now}}
        change = _change(bucket, now)
        while True:
            try:
                await self._collection(HITS).update_one(open_one, change, upsert=True)
            except DuplicateKeyError:
                # The bucket is there and blocked, or somebody else created or freed it at the same moment.
                hits = await self._collection(HITS).find_one(this)
                if hits is not None and hits["blocked_until"] > now:
                    until: datetime = hits["blocked_until"]
                    return until
            else:
                return None


def take_back_hits(keys: Collection[str]) -> HitsChanges:
    """Returns the changes that take back one hit on each key."""
    # A blocked bucket takes no hits, so the last hit is the one that blocks.
    less = {"$set": {"blocked_until": EPOCH}, "$inc": {"count": -1}}
    return [UpdateOne({"_id": text(key), "count": {"$gt": 0}}, less) for key in keys]


def forget_hits(keys: Collection[str]) -> HitsChanges:
    """Returns the changes that forget all hits on the keys."""
    return [DeleteOne({"_id": text(key)}) for key in keys]


def _change(bucket: Bucket, now: datetime) -> list[Document]:
    """Returns the stages of the update. Each sees the document as the stage before left it."""
    limits = limit_numbers(bucket.limit)
    # A bucket starts again when its window is over, and when all its hits have been taken back. This holds for a
    # new one, too.
    first = {"$or": [{"$lte": ["$expires_at", now]}, {"$lte": ["$count", 0]}]}
    doublings = {"$min": [{"$subtract": ["$count", limits["free"]]}, limits["doublings"]]}
    wait = {"$min": [limits["longest"], {"$multiply": [limits["first"], {"$pow": [2, doublings]}]}]}
    return [
        {
            "$set": {
                "count": {"$cond": [first, 1, {"$add": ["$count", 1]}]},
                "expires_at": {"$cond": [first, {"$add": [now, limits["window"]]}, "$expires_at"]},
            }
        },
        {
            "$set": {
                "blocked_until": {
                    "$cond": [
                        {"$gte": ["$count", limits["free"]]},
                        # No block outlasts the window, so one condition tells whether it is over.
                        {"$min": [{"$add": [now, wait]}, "$expires_at"]},
                        EPOCH,
                    ]
                }
            }
        },
    ]
