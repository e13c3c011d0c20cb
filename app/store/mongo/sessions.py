"""The sessions of the MongoDB store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING

from app.auth.models import SESSIONS_PAGE, Revocation, Session, SessionOfUser, User
from app.auth.ports import Judge, Judged, Rotation
from app.store.mongo.schema import SESSIONS, Document, record_from
from app.store.mongo.unfinished import LEFT_AFTER, MongoUnfinished
from app.store.values import instant, number, text


class MongoSessions(MongoUnfinished):
    """Sessions. Each change of one is a single conditional write."""

    async def session_with_user(self, session_id: str) -> SessionOfUser | None:
        return await self._call(lambda: self._read(text(session_id)))

    async def _read(self, session_id: str) -> SessionOfUser | None:
        looked_at: int | None = None
        while True:
            found = await self._with_user(SESSIONS, {"_id": session_id, "is_confirmed": True})
            if found is None:
                return None
            session, user = record_from(Session, found), record_from(User, found["user"])
            # The two are read one after the other, and a session that changes its password is given the new
            # version between them: so the session is looked at once more after that version of the user.
            if user.credentials_version in (session.credentials_version, looked_at):
                return SessionOfUser(session, user)
            looked_at = user.credentials_version

    async def touch_session(self, session_id: str, *, now: datetime, idle_expires_at: datetime) -> bool:
        values = {"last_used_at": instant(now), "idle_expires_at": instant(idle_expires_at)}
        return await self._update(SESSIONS, {"_id": text(session_id), **live(now)}, values)

    async def judge_session(self, session_id: str, judge: Judge) -> Judged | None:
        async def work() -> Judged | None:
            found = await self._read(text(session_id))
            if found is None:
                return None
            rotation = judge(found)
            return Judged(found, rotation is not None and await self._rotate(session_id, rotation))

        return await self._call(work)

    async def _rotate(self, session_id: str, rotation: Rotation) -> bool:
        now = instant(rotation.now)
        values = {"rotated_at": now, "last_used_at": now, "idle_expires_at": instant(rotation.idle_expires_at)}
        which = {"_id": session_id, "generation": number(rotation.generation), **live(now)}
        result = await self._collection(SESSIONS).update_one(which, {"$set": values, "$inc": {"generation": 1}})
        return bool(result.matched_count)

    async def set_auth_time(self, session_id: str, *, now: datetime) -> bool:
        return await self._update(SESSIONS, {"_id": text(session_id), **live(now)}, {"auth_time": instant(now)})

    async def revoke_session(self, session_id: str, *, at: datetime, reason: str) -> bool:
        which = {"_id": text(session_id), "revoked_at": None}
        return await self._update(SESSIONS, which, {"revoked_at": instant(at), "revoked_reason": text(reason)})

    async def revoke_user_sessions(
        self, user_id: str, *, at: datetime, reason: str, keep: str | None = None
    ) -> list[str]:
        which: Document = {"user_id": text(user_id), "revoked_at": None}
        if keep is not None:
            which["_id"] = {"$ne": text(keep)}
        # The mark tells afterwards which sessions this call ended, and not another call at the same time.
        mark = ObjectId()
        values = {"revoked_at": instant(at), "revoked_reason": text(reason), "revocation": mark}

        async def work() -> list[str]:
            result = await self._collection(SESSIONS).update_many(which, {"$set": values})
            if not result.matched_count:
                return []
            ended = self._collection(SESSIONS).find(
                {"user_id": which["user_id"], "revocation": mark}, {"_id": True}
            )
            return [document["_id"] for document in await ended.to_list(None)]

        return await self._call(work)

    async def sessions_of(
        self, user_id: str, *, now: datetime, after: str = "", limit: int = SESSIONS_PAGE
    ) -> list[Session]:
        which: Document = {"user_id": text(user_id), **live(now)}
        place: tuple[Any, ...] | None = None
        if text(after):
            last = await self._call(
                lambda: self._collection(SESSIONS).find_one({"_id": after, "user_id": which["user_id"]})
            )
            if last is None:
                return []
            place = last["last_used_at"], after
        documents = await self._page(
            SESSIONS,
            which,
            [("last_used_at", DESCENDING), ("_id", DESCENDING)],
            after=place,
            limit=max(0, number(limit)),
            index="last_used_of_user",
        )
        return [record_from(Session, document) for document in documents]

    async def revoked_since(self, at: datetime, *, limit: int = 1000) -> list[Revocation]:
        # Every process asks each second: so what one left undone when it died is told by the others soon.
        await self._call(lambda: self._finish_all(older_than=LEFT_AFTER))
        documents = await self._earliest(SESSIONS, "revoked_at", at, also="revoked_reason", limit=limit)
        return [Revocation(each["_id"], each["revoked_at"], each["revoked_reason"]) for each in documents]


def live(now: datetime) -> Document:
    """Returns the condition of `Session.is_live` as a filter."""
    later = {"$gt": instant(now)}
    return {"revoked_at": None, "is_confirmed": True, "expires_at": later, "idle_expires_at": later}
