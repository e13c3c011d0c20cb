"""What a write to a user's document entails in other collections, in the MongoDB store.

There may be no transactions here, so the one write that decides also notes what is left to do. Its caller does
that at once. If the caller dies on the way, the next one does it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from app.auth.models import LinkPurpose
from app.store.mongo.audit import MongoEvents
from app.store.mongo.hits import forget_hits
from app.store.mongo.schema import (
    AUDIT_EVENTS,
    HITS,
    LETTERS,
    LINKS,
    MADE_UNDER,
    SESSIONS,
    TOKENS,
    UNFINISHED,
    USERS,
    Document,
)
from app.store.values import instant

#: The purposes of links that would open what the new password has just closed.
_PURPOSES: Final = [LinkPurpose.RESET_PASSWORD.value, LinkPurpose.CHANGE_EMAIL.value]
#: How many users are finished in one go, where several are left.
BATCH: Final = 100
#: How long a note is left to the process that wrote it before others act on it, in seconds.
LEFT_AFTER: Final = 5.0


class MongoUnfinished(MongoEvents):
    """Finishes what is noted under `UNFINISHED`. Each step may be done twice, and by several callers at once."""

    async def _with_user(self, name: str, which: Document) -> Document | None:
        """Returns the document, with its `user`, for whom nothing is left to do, or None if either is gone.

        It is used within a `_call`.
        """
        pipeline: list[Document] = [
            {"$match": which},
            {"$lookup": {"from": USERS, "localField": "user_id", "foreignField": "_id", "as": "user"}},
            {"$unwind": "$user"},
        ]
        while True:
            found = await self._collection(name).aggregate(pipeline).to_list(None)
            if not found or UNFINISHED not in found[0]["user"]:
                return found[0] if found else None
            await self._finish(found[0]["user_id"])  # this may end what was found

    async def _made_under(self, user_id: str) -> Document:
        """Returns the field for what is made for a user now. A new password ends everything with an older value.

        The caller checks the account again afterwards. It is used within a `_call`.
        """
        user = await self._collection(USERS).find_one({"_id": user_id}, {"credentials_version": True})
        return {MADE_UNDER: (user or {}).get("credentials_version", 0)}

    async def _finish_all(self, *, older_than: float = 0.0) -> None:
        """Finishes what others have left, for a hundred users at most. It is used within a `_call`.

        Args:
            older_than: the least age of what is finished, in seconds.
        """
        which: Document = {f"{UNFINISHED}.at": {"$exists": True}}
        if older_than:
            since = datetime.now(UTC) - timedelta(seconds=older_than)
            which[f"{UNFINISHED}.mark"] = {"$lt": ObjectId.from_datetime(since)}
        left = self._collection(USERS).find(which, {"_id": True}).limit(BATCH)
        for user in await left.to_list(None):
            await self._finish(user["_id"])

    async def _finish(self, user_id: str) -> None:
        """Finishes what is left to do for a user, if anything is. It is used within a `_call`."""
        user = await self._collection(USERS).find_one(
            {"_id": user_id, UNFINISHED: {"$ne": None}}, {UNFINISHED: True}
        )
        if user is None:
            return
        left: Document = user[UNFINISHED]
        await self._end_sessions(user_id, left)
        # Go by the version, not by the instant: what was made between the reading of the clock and the write that
        # decides is older than the new password, and another process's clock may be ahead.
        older = {"user_id": user_id, MADE_UNDER: {"$not": {"$gt": left["version"]}}}
        await asyncio.gather(
            self._collection(LINKS).delete_many({**older, "purpose": {"$in": _PURPOSES}}),
            *([] if left["keep"] else [self._collection(TOKENS).delete_many(older)]),
            *(
                [self._collection(HITS).bulk_write(forget_hits(left["wiped"]), ordered=False)]
                if left["wiped"]
                else []
            ),
            self._put_event(left),
            *([self._put(LETTERS, left["letter"])] if left["letter"] else []),
        )
        await self._collection(USERS).update_one(
            {"_id": user_id, f"{UNFINISHED}.mark": left["mark"]}, {"$unset": {UNFINISHED: True}}
        )

    async def _end_sessions(self, user_id: str, left: Document) -> None:
        """Ends older sessions, which no longer count anyway. One that began with the new password stays."""
        # A slow process may get here after the next change, which has given the kept session a higher version.
        older = {"user_id": user_id, "credentials_version": {"$not": {"$gt": left["version"]}}}
        which = {**older, "revoked_at": None, "_id": {"$ne": left["keep"]}}
        values = {"revoked_at": _revoked_at(left), "revoked_reason": left["reason"], "revocation": left["mark"]}
        if left["keep"]:
            await self._collection(SESSIONS).update_one(
                {**older, "_id": left["keep"]}, {"$set": {"credentials_version": left["version"] + 1}}
            )
        await self._collection(SESSIONS).update_many(which, {"$set": values})

    async def _put_event(self, left: Document) -> None:
        if not await self._counted(left["event"], left.get("limit")):  # an older Duet notes no limit
            await self._put(AUDIT_EVENTS, left["event"])

    async def _put(self, name: str, document: Document) -> Any:
        return await self._collection(name).replace_one({"_id": document["_id"]}, document, upsert=True)


def _revoked_at(left: Document) -> datetime:
    """Returns when the sessions end: with the new password, or now if that was left undone.

    Polls look back only a minute, so an older instant would be missed.
    """
    at: datetime = left["at"]
    now, noted_at = datetime.now(UTC), left["mark"].generation_time
    return instant(max(at, now)) if now - noted_at > timedelta(seconds=LEFT_AFTER) else at
