"""The counters of the MongoDB store: what is limited, and until when."""

from __future__ import annotations

from datetime import datetime

from pymongo.errors import DuplicateKeyError

from app.auth.models import Bucket
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import HITS, Document
from app.store.values import EPOCH, bucket_limits, instant, text


class MongoHits(MongoPart):
    """Counts and checks in one write."""

    async def hit(self, bucket: Bucket, *, now: datetime) -> datetime | None:
        this, now = {"_id": text(bucket.key)}, instant(now)
        open_one = {**this, "blocked_until": {"$lte": now}}
        change = _change(bucket, now)

        async def work() -> datetime | None:
            while True:
                try:
                    await self._collection(HITS).update_one(open_one, change, upsert=True)
                except DuplicateKeyError:
                    # It is there and blocked; or somebody else made it, or freed it, at the same moment.
                    hits = await self._collection(HITS).find_one(this)
                    if hits is not None and hits["blocked_until"] > now:
                        until: datetime = hits["blocked_until"]
                        return until
                else:
                    return None

        return await self._call(work)

    async def take_back_hit(self, key: str) -> None:
        # While a bucket is blocked nobody hits it: the last hit is the one that blocks.
        await self._update(HITS, {"_id": text(key), "count": {"$gt": 0}}, {"blocked_until": EPOCH}, count=-1)

    async def forget_hits(self, key: str) -> None:
        which = {"_id": text(key)}
        await self._call(lambda: self._collection(HITS).delete_one(which))


def _change(bucket: Bucket, now: datetime) -> list[Document]:
    """The update: the expressions of a stage see the document as the stage before left it."""
    limits = bucket_limits(bucket)
    # A bucket begins anew when its window is over, and when all its hits were taken back: or is new.
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
                        # No block outlasts the window: one condition tells whether it is open.
                        {"$min": [{"$add": [now, wait]}, "$expires_at"]},
                        EPOCH,
                    ]
                }
            }
        },
    ]
