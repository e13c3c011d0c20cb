"""Replaces passwords in the MongoDB store."""

from __future__ import annotations

from bson import ObjectId
from pymongo import ReturnDocument

from app.auth.models import User
from app.auth.ports import NewPassword, Replaced
from app.store.mongo.schema import (
    LINKS,
    SESSIONS,
    UNFINISHED,
    USERS,
    Document,
    document_of,
    record_from,
    this_version,
)
from app.store.mongo.unfinished import MongoUnfinished
from app.store.values import instant, limit_of_events, number, text


class MongoPasswords(MongoUnfinished):
    """Password hashes, and everything that changes with them.

    One conditional write replaces the hash. After it, no older session or access token counts, since each carries
    an older version. The write also notes what has to follow, and `MongoUnfinished` does that next.
    """

    async def replace_password(self, new: NewPassword) -> Replaced | None:
        which, change = _condition(new), _change(new)

        async def work() -> Replaced | None:
            await self._finish(which["_id"])  # so that a link that was used already is gone
            if new.link is not None and not await self._counts(new):
                return None
            document = await self._collection(USERS).find_one_and_update(
                which, change, return_document=ReturnDocument.AFTER
            )
            if document is None:
                return None
            await self._finish(which["_id"])
            return Replaced(
                record_from(User, document), await self._ended(which["_id"], change["$set"][UNFINISHED])
            )

        return await self._call(work)

    async def upgrade_password_hash(self, user_id: str, password_hash: str, *, credentials_version: int) -> bool:
        which = {"_id": text(user_id), "credentials_version": this_version(credentials_version)}
        return await self._update(USERS, which, {"password_hash": text(password_hash)})

    async def _ended(self, user_id: str, left: Document) -> tuple[str, ...]:
        """The ids of the sessions that ended with it, whoever was the fastest to end them."""
        ended = self._collection(SESSIONS).find({"user_id": user_id, "revocation": left["mark"]}, {"_id": True})
        return tuple([document["_id"] for document in await ended.to_list(None)])

    async def _counts(self, new: NewPassword) -> bool:
        """Tells whether the link is there. The account's version lets only one of two resets at once use it."""
        assert new.link is not None
        which = {"_id": text(new.link.id), "user_id": text(new.user_id), "expires_at": {"$gt": instant(new.at)}}
        return await self._collection(LINKS).find_one(which, {"_id": True}) is not None


def _condition(new: NewPassword) -> Document:
    which: Document = {
        "_id": text(new.user_id),
        "credentials_version": this_version(new.credentials_version),
        UNFINISHED: None,
    }
    if new.link is not None:
        which.update(email_key=text(new.link.email_key), is_active=True)
    return which


def _change(new: NewPassword) -> Document:
    at = instant(new.at)
    values: Document = {"password_hash": text(new.password_hash), "password_changed_at": at}
    if new.link is not None:
        values["is_email_verified"] = True
    if new.keep is None:
        values["rights_changed_at"] = at
    values[UNFINISHED] = {
        "mark": ObjectId(),
        "at": at,
        "version": number(new.credentials_version),
        "reason": text(new.reason),
        "keep": None if new.keep is None else text(new.keep),
        "wiped": [text(key) for key in new.wiped],
        "event": document_of(new.event),
        "limit": limit_of_events(new.limit),
        "letter": None if new.letter is None else document_of(new.letter),
    }
    # A missing field counts from 0, as `this_version` reads it.
    counters = {"credentials_version": 1, **({"rights_version": 1} if new.keep is None else {})}
    return {"$set": values, "$inc": counters}
