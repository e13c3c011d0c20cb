"""What a write to a user's document entails in other collections, in the MongoDB store.

There may be no transactions here, so the one write that decides also notes what is left to do. Its caller does
that at once. If the caller dies on the way, the next one does it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from app.auth.models import LinkPurpose
from app.store.mongo.base import MongoPart
from app.store.mongo.hits import forget_hits
from app.store.mongo.schema import (
    AUDIT_EVENTS,
    HITS,
    LETTERS,
    LINKS,
    SESSIONS,
    TOKENS,
    UNFINISHED,
    USERS,
    Document,
)

#: The purposes of links that would open what the new password has just closed.
_PURPOSES: Final = [LinkPurpose.RESET_PASSWORD.value, LinkPurpose.CHANGE_EMAIL.value]
#: How many users are finished in one go, where several are left.
BATCH: Final = 100


class MongoUnfinished(MongoPart):
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

    async def _finish_all(self) -> None:
        """Finishes what others have left, for a hundred users at most. It is used within a `_call`."""
        left = self._collection(USERS).find({f"{UNFINISHED}.at": {"$exists": True}}, {"_id": True}).limit(BATCH)
        for user in await left.to_list(None):
            await self._finish(user["_id"])

    async def _finish(self, user_id: str) -> tuple[str, ...]:
        """Finishes what is left to do for a user, if anything is. It is used within a `_call`.

        Returns:
            The ids of the sessions that it ended.
        """
        user = await self._collection(USERS).find_one(
            {"_id": user_id, UNFINISHED: {"$ne": None}}, {UNFINISHED: True}
        )
        if user is None:
            return ()
        left: Document = user[UNFINISHED]
        ended = await self._end_sessions(user_id, left)
        # All there are, newer ones too: another container's clock may be ahead of the one that wrote `at`.
        theirs = {"user_id": user_id}
        await asyncio.gather(
            self._collection(LINKS).delete_many({**theirs, "purpose": {"$in": _PURPOSES}}),
            *([] if left["keep"] else [self._collection(TOKENS).delete_many(theirs)]),
            *(
                [self._collection(HITS).bulk_write(forget_hits(left["wiped"]), ordered=False)]
                if left["wiped"]
                else []
            ),
            self._put(AUDIT_EVENTS, left["event"]),
            *([self._put(LETTERS, left["letter"])] if left["letter"] else []),
        )
        await self._collection(USERS).update_one(
            {"_id": user_id, f"{UNFINISHED}.mark": left["mark"]}, {"$unset": {UNFINISHED: True}}
        )
        return ended

    async def _end_sessions(self, user_id: str, left: Document) -> tuple[str, ...]:
        """Ends older sessions, which no longer count anyway. One that began with the new password stays."""
        which = {
            "user_id": user_id,
            "revoked_at": None,
            "credentials_version": {"$not": {"$gt": left["version"]}},
            "_id": {"$ne": left["keep"]},
        }
        values = {"revoked_at": left["at"], "revoked_reason": left["reason"], "revocation": left["mark"]}
        if left["keep"]:
            await self._collection(SESSIONS).update_one(
                {"_id": left["keep"], "user_id": user_id}, {"$set": {"credentials_version": left["version"] + 1}}
            )
        await self._collection(SESSIONS).update_many(which, {"$set": values})
        ended = self._collection(SESSIONS).find({"user_id": user_id, "revocation": left["mark"]}, {"_id": True})
        return tuple([document["_id"] for document in await ended.to_list(None)])

    async def _put(self, name: str, document: Document) -> Any:
        return await self._collection(name).replace_one({"_id": document["_id"]}, document, upsert=True)
