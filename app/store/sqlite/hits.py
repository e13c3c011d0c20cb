"""The counters of the SQLite store, which tell what is limited, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.auth.models import Bucket
from app.auth.ports import Blocked
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.rows import marks
from app.store.values import from_millis, limit_numbers, text, to_millis

# A bucket starts again when its window is over, and when all its hits have been taken back.
_FIRST: Final = "(hits.expires_at <= :now OR hits.count = 0)"
_COUNT: Final = f"CASE WHEN {_FIRST} THEN 1 ELSE hits.count + 1 END"
_EXPIRES: Final = f"CASE WHEN {_FIRST} THEN :now + :window ELSE hits.expires_at END"


def _blocked(count: str, expires: str) -> str:
    """Returns SQL for when the block by hit number `count` ends.

    No block outlasts the window, so one comparison tells whether a bucket is blocked.
    """
    wait = f"min(:longest, :first << min(({count}) - :free, :doublings))"
    return f"CASE WHEN ({count}) >= :free THEN min(:now + {wait}, {expires}) ELSE 0 END"


#: Returns a row if the hit was counted.
_HIT: Final = (
    "INSERT INTO hits (key, count, expires_at, blocked_until)"  # noqa: S608
    f" VALUES (:key, 1, :now + :window, {_blocked('1', ':now + :window')})"
    f" ON CONFLICT (key) DO UPDATE SET count = {_COUNT}, expires_at = {_EXPIRES},"
    f" blocked_until = {_blocked(_COUNT, _EXPIRES)}"
    " WHERE hits.blocked_until <= :now RETURNING 1"
)


class SqliteHits(SqlitePart):
    """Counts a hit and checks its limit in one statement."""

    async def hit(self, bucket: Bucket, *, now: datetime) -> datetime | None:
        def work(transaction: Transaction) -> datetime | None:
            return _hit(transaction, bucket, now)

        return await self._db.transact(work)

    async def hit_all(self, buckets: Sequence[Bucket], *, now: datetime) -> Blocked | None:
        def work(transaction: Transaction) -> None:
            for bucket in buckets:
                until = _hit(transaction, bucket, now)
                if until is not None:
                    raise _IsBlocked(Blocked(bucket.key, until))

        try:
            await self._db.transact(work)
        except _IsBlocked as error:
            return error.which
        return None

    async def take_back_hits(self, *keys: str) -> None:
        await self._db.write(take_back_hits(len(keys)), list(map(text, keys)))

    async def forget_hits(self, *keys: str) -> None:
        await self._db.write(forget_hits(len(keys)), list(map(text, keys)))


class _IsBlocked(Exception):
    """Rolls the transaction back, because a bucket is blocked."""

    def __init__(self, which: Blocked) -> None:
        self.which = which
        super().__init__()


def _hit(transaction: Transaction, bucket: Bucket, now: datetime) -> datetime | None:
    values = {"key": text(bucket.key), "now": to_millis(now), **limit_numbers(bucket.limit)}
    if transaction.execute(_HIT, values):
        return None
    [[until]] = transaction.execute("SELECT blocked_until FROM hits WHERE key = ?", [values["key"]])
    return from_millis(until)


def take_back_hits(count: int) -> str:
    """Returns the statement that takes back one hit on each of `count` keys."""
    # A blocked bucket takes no hits, so the last hit is the one that blocks.
    which = f"key IN ({marks(range(count))}) AND count > 0"
    return f"UPDATE hits SET count = count - 1, blocked_until = 0 WHERE {which}"  # noqa: S608


def forget_hits(count: int) -> str:
    """Returns the statement that forgets all hits on `count` keys."""
    return f"DELETE FROM hits WHERE key IN ({marks(range(count))})"  # noqa: S608
