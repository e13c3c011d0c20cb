"""The users of the MongoDB store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.auth.errors import AccountDeleted
from app.auth.models import RightsChange, User
from app.auth.refusals import EmailTaken
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import SESSIONS, USERS, Document, document_of, record_from
from app.store.values import instant, number, text


class MongoUsers(MongoPart):
    """Accounts, and the changes of their rights."""

    async def add_user(self, user: User) -> None:
        document = document_of(user)

        async def work() -> bool:
            try:
                await self._collection(USERS).insert_one(document)
            except DuplicateKeyError as error:
                if "email_key" in (error.details or {}).get("keyPattern", {}):
                    return False
                raise
            return True

        if not await self._call(work):
            raise EmailTaken

    async def user_by_id(self, user_id: str) -> User | None:
        return await self._user({"_id": text(user_id)})

    async def user_by_email(self, email_key: str) -> User | None:
        return await self._user({"email_key": text(email_key)})

    async def _user(self, which: Document) -> User | None:
        document = await self._call(lambda: self._collection(USERS).find_one(which))
        return None if document is None else record_from(User, document)

    async def list_users(self, *, after: str = "", limit: int = 100) -> list[User]:
        return await self._find(
            User, USERS, {"email_key": {"$gt": text(after)}}, [("email_key", ASCENDING)], number(limit)
        )

    async def set_name(self, user_id: str, name: str) -> User | None:
        return await self._change_user(user_id, {"$set": {"name": text(name)}})

    async def set_password_hash(self, user_id: str, password_hash: str, *, expected: str) -> bool:
        which = {"_id": text(user_id), "password_hash": text(expected)}
        return await self._update(USERS, which, {"password_hash": text(password_hash)})

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        values: Document = {"rights_changed_at": instant(at)}
        if roles is not None:
            values["roles"] = [text(role) for role in roles]
        if is_active is not None:
            values["is_active"] = bool(is_active)
        return await self._change_user(user_id, {"$set": values, "$inc": {"rights_version": 1}})

    async def _change_user(self, user_id: str, change: Document) -> User | None:
        which = {"_id": text(user_id)}
        document = await self._call(
            lambda: self._collection(USERS).find_one_and_update(
                which, change, return_document=ReturnDocument.AFTER
            )
        )
        return None if document is None else record_from(User, document)

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        which = {"user_id": text(user_id)}
        ended = {"revoked_at": instant(at), "revoked_reason": AccountDeleted.code}

        async def end_sessions() -> None:
            await self._collection(SESSIONS).update_many({**which, "revoked_at": None}, {"$set": ended})
            await self._collection(SESSIONS).update_many(which, {"$set": {"ip": "", "user_agent": ""}})

        async def work() -> bool:
            # First, so that a failure half way leaves a user who can be deleted again. Once more after it,
            # for a log-in that came between: one that comes later finds no user.
            await end_sessions()
            result = await self._collection(USERS).delete_one({"_id": which["user_id"]})
            await end_sessions()
            return bool(result.deleted_count)

        return await self._call(work)

    async def rights_changed_since(self, at: datetime) -> list[RightsChange]:
        which = {"rights_changed_at": {"$gte": instant(at)}}
        documents = await self._call(
            lambda: self._collection(USERS).find(which).sort("rights_changed_at").to_list(None)
        )
        return [RightsChange(each["_id"], each["rights_version"], each["rights_changed_at"]) for each in documents]
