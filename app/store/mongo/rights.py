"""Changes of rights and removals of users in the MongoDB store, which always leave an active admin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pymongo import ReturnDocument

from app.auth.errors import AccountDeleted, LastAdmin
from app.auth.models import ADMIN, RightsChange, User
from app.store.mongo.locks import ADMINS, MongoLocks
from app.store.mongo.schema import (
    ACTIVE_ADMIN,
    AUDIT_EVENTS,
    DEVICES,
    LETTERS,
    LINKS,
    SESSIONS,
    TOKENS,
    USERS,
    Document,
    record_from,
)
from app.store.values import instant, text

_NO_ADMIN: Final[Document] = {"$nor": [dict(ACTIVE_ADMIN)]}
_BLANK: Final[Document] = {"$set": {"ip": "", "user_agent": ""}}


class MongoRights(MongoLocks):
    """The rights of users, and the removal of users.

    A user who is no active admin is changed by one conditional write. Active admins come and go under a lock, so
    the lock's holder can count on what it sees of them.
    """

    async def has_admin(self) -> bool:
        return await self._call(lambda: self._collection(USERS).find_one(dict(ACTIVE_ADMIN))) is not None

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        this = {"_id": text(user_id)}
        values: Document = {"rights_changed_at": instant(at)}
        if roles is not None:
            values["roles"] = [text(role) for role in roles]
        if is_active is not None:
            values["is_active"] = bool(is_active)
        takes_away = is_active is False or (roles is not None and ADMIN not in roles)

        async def change(which: Document) -> Document | None:
            document: Document | None = await self._collection(USERS).find_one_and_update(
                which,
                {"$set": values, "$inc": {"rights_version": 1}},
                return_document=ReturnDocument.AFTER,
            )
            return document

        async def work() -> Document | None:
            if not takes_away:
                done = await change({**this, **ACTIVE_ADMIN})
                if done is not None or not await self._is_there(this):
                    return done
                async with self._locked(ADMINS):  # this may make an admin
                    return await change(this)
            done = await change({**this, **_NO_ADMIN})
            if done is not None or not await self._is_there(this):
                return done
            async with self._locked(ADMINS):
                await self._refuse_the_last_admin(user_id)
                return await change(this)

        document = await self._call(work)
        return None if document is None else record_from(User, document)

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        this = {"_id": text(user_id)}

        async def delete(which: Document) -> bool:
            # This comes first, so that after a failure halfway the user can be deleted again. It is repeated
            # afterwards for a login that came in between: a later login finds no user.
            await self._forget(user_id, at)
            result = await self._collection(USERS).delete_one(which)
            await self._forget(user_id, at)
            return bool(result.deleted_count)

        async def work() -> bool:
            if not await self._is_there({**this, **ACTIVE_ADMIN}):
                done = await delete({**this, **_NO_ADMIN})
                if done or not await self._is_there(this):
                    return done
            async with self._locked(ADMINS):
                await self._refuse_the_last_admin(user_id)
                return await delete(this)

        return await self._call(work)

    async def rights_changed_since(self, at: datetime, *, limit: int = 1000) -> list[RightsChange]:
        documents = await self._earliest(USERS, "rights_changed_at", at, also="rights_version", limit=limit)
        return [RightsChange(each["_id"], each["rights_version"], each["rights_changed_at"]) for each in documents]

    async def _is_there(self, which: Document) -> bool:
        return await self._collection(USERS).find_one(which, {"_id": True}) is not None

    async def _refuse_the_last_admin(self, user_id: str) -> None:
        if await self._is_there({"_id": text(user_id), **ACTIVE_ADMIN}) and not await self._is_there(
            {**ACTIVE_ADMIN, "_id": {"$ne": text(user_id)}}
        ):
            raise LastAdmin

    async def _forget(self, user_id: str, at: datetime) -> None:
        """Ends the user's sessions, removes what belongs to the user, and blanks IP addresses and user agents."""
        if not text(user_id):  # an empty id stands for "nobody" in the other collections
            return
        which = {"user_id": user_id}
        ended = {"revoked_at": instant(at), "revoked_reason": AccountDeleted.code}
        await self._collection(SESSIONS).update_many({**which, "revoked_at": None}, {"$set": ended})
        await asyncio.gather(
            self._collection(SESSIONS).update_many(which, _BLANK),
            self._collection(AUDIT_EVENTS).update_many(which, _BLANK),
            self._collection(AUDIT_EVENTS).update_many({"actor_id": user_id}, _BLANK),
            *(self._collection(name).delete_many(which) for name in (LINKS, LETTERS, TOKENS, DEVICES)),
        )
