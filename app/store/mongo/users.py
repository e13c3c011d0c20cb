"""Adds, finds and changes users in the MongoDB store, except for their rights."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError

from app.auth.models import ADMIN, User
from app.auth.refusals import EmailTaken
from app.store.mongo.locks import ADMINS, MongoLocks
from app.store.mongo.schema import USERS, Document, document_of, record_from
from app.store.search import name_keys
from app.store.values import text

#: The server's error code.
DUPLICATE_KEY: Final = 11000


class MongoUsers(MongoLocks):
    """Accounts."""

    async def add_user(self, user: User) -> None:
        document = stored_user(user)

        async def work() -> bool:
            async with self._admitting(document):
                return await self._insert(document)

        if not await self._call(work):
            raise EmailTaken

    async def _insert(self, document: Document) -> bool:
        """Stores a new user. Returns False if the email address is taken. It is used within a `_call`."""
        try:
            await self._collection(USERS).insert_one(document)
        except DuplicateKeyError as error:
            if _is_about_email(error.details):
                return False
            raise
        return True

    def _admitting(self, *documents: Document) -> AbstractAsyncContextManager[None]:
        """Holds the lock of the admins where one of these new users is an admin."""
        has_admin = any(ADMIN in document["roles"] for document in documents)
        return self._locked(ADMINS) if has_admin else nullcontext()

    async def add_users(self, users: Sequence[User]) -> list[str]:
        documents = [stored_user(user) for user in users]

        async def work() -> list[str]:
            try:
                if documents:
                    async with self._admitting(*documents):
                        await self._collection(USERS).insert_many(documents, ordered=False)
            except BulkWriteError as error:
                return _refused(error)
            return []

        refused = set(await self._call(work))
        return [user.email_key for user in users if text(user.id) in refused]

    async def user_by_id(self, user_id: str) -> User | None:
        return await self._one(User, USERS, {"_id": text(user_id)})

    async def user_by_email(self, email_key: str) -> User | None:
        return await self._one(User, USERS, {"email_key": text(email_key)})

    async def has_users(self) -> bool:
        # Any email address is above the empty string, so this reads the index and not the collection.
        which, fields = {"email_key": {"$gte": ""}}, {"email_key": True, "_id": False}
        return await self._call(lambda: self._collection(USERS).find_one(which, fields)) is not None

    async def set_name(self, user_id: str, name: str) -> User | None:
        return await self._changed({"_id": text(user_id)}, {"name": text(name), **search_fields(name)})

    async def set_email(self, user_id: str, email: str, email_key: str, *, expected_key: str) -> User | None:
        which = {"_id": text(user_id), "email_key": text(expected_key)}
        values = {"email": text(email), "email_key": text(email_key), "is_email_verified": True}
        return await self._changed(which, values)

    async def set_email_verified(self, user_id: str, *, email_key: str) -> User | None:
        return await self._changed(
            {"_id": text(user_id), "email_key": text(email_key)}, {"is_email_verified": True}
        )

    async def _changed(self, which: Document, values: Document) -> User | None:
        async def work() -> Document | None:
            try:
                document: Document | None = await self._collection(USERS).find_one_and_update(
                    which, {"$set": values}, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:  # the email address is taken: no other unique field is set
                raise EmailTaken from None
            return document

        document = await self._call(work)
        return None if document is None else record_from(User, document)


def search_fields(name: str) -> Document:
    """Returns the store's own fields, which a search compares. They are always there, even if they are empty."""
    name_key, last_name_key = name_keys(name)
    return {"name_key": name_key, "last_name_key": last_name_key}


def stored_user(user: User) -> Document:
    """Returns a user's document, including the store's own fields."""
    return {**document_of(user), **search_fields(user.name)}


def _is_about_email(details: object) -> bool:
    pattern = details.get("keyPattern") if isinstance(details, dict) else None
    return isinstance(pattern, dict) and "email_key" in pattern


def _refused(error: BulkWriteError) -> list[str]:
    """Returns the ids of the users whose email address is taken. Raises any other error."""
    errors = (error.details or {}).get("writeErrors", [])
    for each in errors:
        if not _is_about_email(each):
            if each.get("code") == DUPLICATE_KEY:
                raise DuplicateKeyError("an id is in use", DUPLICATE_KEY) from error
            raise error
    if not errors:  # a write concern that was not met
        raise error
    return [each["op"]["_id"] for each in errors]
