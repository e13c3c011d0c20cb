"""The personal access tokens of the MongoDB store."""

from __future__ import annotations

from datetime import datetime

from pymongo import DESCENDING

from app.auth.models import PersonalToken, TokenOfUser, User
from app.store.mongo.schema import TOKENS, document_of, record_from
from app.store.mongo.unfinished import MongoUnfinished
from app.store.values import instant, number, text


class MongoTokens(MongoUnfinished):
    """Personal access tokens, found by their hashes."""

    async def add_token(self, token: PersonalToken, *, limit: int) -> bool:
        document = document_of(token)
        if number(limit) < 1:
            return False

        async def work() -> bool:
            tokens = self._collection(TOKENS)
            if await tokens.count_documents({"user_id": document["user_id"]}, limit=limit) >= limit:
                return False
            await tokens.insert_one({**document, **await self._made_under(document["user_id"])})
            return True

        return await self._call(work)

    async def tokens_of(self, user_id: str) -> list[PersonalToken]:
        newest = [("created_at", DESCENDING), ("_id", DESCENDING)]
        return await self._all(PersonalToken, TOKENS, {"user_id": text(user_id)}, newest)

    async def token_with_user(self, token_hash: str) -> TokenOfUser | None:
        which = {"token_hash": text(token_hash)}
        found = await self._call(lambda: self._with_user(TOKENS, which))
        return (
            None
            if found is None
            else TokenOfUser(record_from(PersonalToken, found), record_from(User, found["user"]))
        )

    async def touch_token(self, token_id: str, *, at: datetime) -> None:
        await self._update(TOKENS, {"_id": text(token_id)}, {"last_used_at": instant(at)})

    async def remove_token(self, user_id: str, token_id: str) -> bool:
        which = {"_id": text(token_id), "user_id": text(user_id)}
        result = await self._call(lambda: self._collection(TOKENS).delete_one(which))
        return bool(result.deleted_count)
