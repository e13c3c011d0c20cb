"""The personal access tokens of the MongoDB store."""

from __future__ import annotations

import secrets
from datetime import datetime

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from app.auth.models import PersonalToken, TokenOfUser, User
from app.store.mongo.schema import SLOT, TOKENS, document_of, record_from
from app.store.mongo.unfinished import MongoUnfinished
from app.store.values import instant, number, text


class MongoTokens(MongoUnfinished):
    """Personal access tokens, found by their hashes."""

    async def add_token(self, token: PersonalToken, *, limit: int) -> bool:
        document = document_of(token)
        limit = number(limit)

        async def work() -> bool:
            while free := await self._free_slots(document["user_id"], limit):
                own = {**await self._made_under(document["user_id"]), SLOT: secrets.choice(free)}
                try:
                    await self._collection(TOKENS).insert_one({**document, **own})
                except DuplicateKeyError as error:
                    if SLOT not in (error.details or {}).get("keyPattern", {}):
                        raise
                    # Somebody else took that place at the same moment: the next look tells whether one is left.
                else:
                    return True
            return False

        return await self._call(work)

    async def _free_slots(self, user_id: str, limit: int) -> list[int]:
        """Returns the user's free places. Only one token gets each, which the index of slots ensures."""
        if limit < 1:  # 0 means "all of them" to MongoDB
            return []
        tokens = await self._collection(TOKENS).find({"user_id": user_id}, {SLOT: True}).limit(limit).to_list(None)
        if len(tokens) >= limit:
            return []
        # Tokens of an older Duet, or of a back-up, have no slot. They take the last places, whichever they are.
        slots = {token.get(SLOT) for token in tokens}
        without = sum(SLOT not in token for token in tokens)
        return [slot for slot in range(limit - without) if slot not in slots]

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
