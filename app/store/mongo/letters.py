"""The mails that wait in the MongoDB store to be sent."""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING, ReturnDocument

from app.auth.models import Letter
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import LETTERS, document_of, record_from
from app.store.values import instant, text


class MongoLetters(MongoPart):
    """A queue in the order of `due_at`."""

    async def add_letter(self, letter: Letter) -> None:
        document = document_of(letter)
        await self._call(lambda: self._collection(LETTERS).insert_one(document))

    async def claim_letter(self, *, now: datetime, until: datetime) -> Letter | None:
        change = {"$set": {"due_at": instant(until)}, "$inc": {"attempts": 1}}
        which = {"due_at": {"$lte": instant(now)}}
        document = await self._call(
            lambda: self._collection(LETTERS).find_one_and_update(
                which, change, sort=[("due_at", ASCENDING)], return_document=ReturnDocument.AFTER
            )
        )
        return None if document is None else record_from(Letter, document)

    async def put_letter_off(self, letter_id: str, *, due_at: datetime) -> None:
        await self._update(LETTERS, {"_id": text(letter_id)}, {"due_at": instant(due_at)})

    async def remove_letter(self, letter_id: str) -> None:
        which = {"_id": text(letter_id)}
        await self._call(lambda: self._collection(LETTERS).delete_one(which))
