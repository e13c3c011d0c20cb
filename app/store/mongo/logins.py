"""What a login reads and writes in the MongoDB store, each in one bounded step."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from app.auth.errors import SessionDisplaced
from app.auth.models import MAX_SESSIONS, Session, User
from app.auth.ports import Added, LoginCandidate, LoginRecord
from app.store.mongo.audit import MongoEvents
from app.store.mongo.hits import forget_hits, take_back_hits
from app.store.mongo.schema import (
    DEVICES,
    HITS,
    SESSIONS,
    USERS,
    Document,
    document_of,
    record_from,
    this_version,
)
from app.store.mongo.sessions import live
from app.store.values import instant, limit_of_events, number, text


class MongoLogins(MongoEvents):
    """A login takes one aggregation before its password is hashed, and a few writes after that."""

    async def user_to_log_in(self, email_key: str, *, devices: Collection[str]) -> LoginCandidate | None:
        keys = {"key": {"$in": [text(key) for key in devices]}}
        # The known devices are read by the index over both fields, so that thousands of devices cost no more. The
        # second stage reads any one device.
        pipeline: list[Document] = [
            {"$match": {"email_key": text(email_key)}},
            _devices("known", keys, limit=max(len(devices), 1)),
            _devices("any", {}, limit=1),
        ]
        found = await self._call(lambda: self._collection(USERS).aggregate(pipeline).to_list(None))
        if not found:
            return None
        noted = frozenset(device["key"] for device in found[0]["known"])
        return LoginCandidate(record_from(User, found[0]), bool(found[0]["any"]), noted)

    async def add_session(
        self, session: Session, *, record: LoginRecord | None = None, most: int = MAX_SESSIONS
    ) -> Added | None:
        document = {**document_of(session), "is_confirmed": False}
        user = {
            "_id": text(session.user_id),
            "credentials_version": this_version(session.credentials_version),
            "is_active": True,
        }

        async def work() -> Added | None:
            if not await self._begin(document, user):
                return None
            displaced = await self._displace(session, max(1, number(most)))
            is_new_device = record is not None and await self._write(session, record)
            return Added(is_new_device, displaced)

        return await self._call(work)

    async def _begin(self, document: Document, user: Document) -> bool:
        # A change of password and the disabling of a user write the user first, and revoke the sessions then. So
        # either that revocation meets the session inserted here, or the user is read below after the change.
        # Nobody sees the session until it is confirmed, so a crash between the steps leaves no live session.
        this = {"_id": document["_id"]}
        await self._collection(SESSIONS).insert_one(document)
        if await self._collection(USERS).find_one(user, {"_id": True}) is not None:
            confirmed = await self._collection(SESSIONS).update_one(
                {**this, "revoked_at": None, "is_confirmed": False}, {"$set": {"is_confirmed": True}}
            )
            if confirmed.matched_count:
                return True
        await self._collection(SESSIONS).delete_one(this)
        return False

    async def _displace(self, session: Session, most: int) -> tuple[str, ...]:
        """Ends all live sessions of the user but the `most` that were used last. Returns the ids of what it ended.

        Of many logins at once, the last one looks after all of them were confirmed, so that not too many are left.
        All see the sessions in the same order, so that not too few are left either.
        """
        which = {"user_id": session.user_id, **live(session.created_at)}
        newest = [("last_used_at", DESCENDING), ("_id", DESCENDING)]
        found = self._collection(SESSIONS).find(which, {"_id": True}).sort(newest).skip(most)
        ids = [document["_id"] for document in await found.to_list(None)]
        if ids:
            values = {"revoked_at": instant(session.created_at), "revoked_reason": SessionDisplaced.code}
            await self._collection(SESSIONS).update_many(
                {"_id": {"$in": ids}, "revoked_at": None}, {"$set": values}
            )
        return tuple(ids)

    async def _write(self, session: Session, record: LoginRecord) -> bool:
        """Writes all at once. A crash halfway leaves a session whose tokens nobody got, and a count too high.

        Returns whether the device is new.
        """
        user_id, seen_at = text(session.user_id), instant(session.created_at)
        hits = [*forget_hits(record.wiped), *take_back_hits(record.taken_back)]
        is_new, *_ = await asyncio.gather(
            self._note_device(user_id, text(record.device_key), seen_at, most=max(1, number(record.devices))),
            self._add_event(document_of(record.event), limit_of_events(record.limit)),
            *([self._collection(HITS).bulk_write(hits, ordered=False)] if hits else []),
        )
        return bool(is_new)

    async def _note_device(self, user_id: str, key: str, seen_at: datetime, *, most: int) -> bool:
        """Notes when a device was seen, and leaves `most` known. Returns whether it is new."""
        devices = self._collection(DEVICES)
        try:
            result = await devices.update_one(
                {"user_id": user_id, "key": key}, {"$set": {"seen_at": seen_at}}, upsert=True
            )
        except DuplicateKeyError:  # somebody else added it at the same moment
            return False
        if result.matched_count:
            return False
        newest = [("seen_at", DESCENDING), ("_id", DESCENDING)]
        old = await devices.find({"user_id": user_id}, {"_id": True}).sort(newest).skip(most).to_list(None)
        if old:
            await devices.delete_many({"_id": {"$in": [each["_id"] for each in old]}})
        return True


def _devices(name: str, which: Document, *, limit: int) -> Document:
    """Returns the stage that adds an account's devices to its document."""
    return {
        "$lookup": {
            "from": DEVICES,
            "localField": "_id",
            "foreignField": "user_id",
            "pipeline": [{"$match": which}, {"$limit": limit}, {"$project": {"_id": False, "key": True}}],
            "as": name,
        }
    }
