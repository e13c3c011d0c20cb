"""The key pairs and the running processes of the MongoDB store."""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from app.auth.models import Instance, SigningKey
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import INSTANCES, SIGNING_KEYS, document_of
from app.store.values import instant, text


class MongoSigningKeys(MongoPart):
    """Key pairs. Those of an algorithm form a chain, in which every key has at most one successor."""

    async def add_signing_key(self, key: SigningKey) -> bool:
        document = document_of(key)

        async def work() -> bool:
            try:
                await self._collection(SIGNING_KEYS).insert_one(document)
            except DuplicateKeyError as error:
                if "previous" not in (error.details or {}).get("keyPattern", {}):
                    raise  # two keys with one id: a mistake
                return False
            return True

        return await self._call(work)

    async def signing_keys(self) -> list[SigningKey]:
        return await self._all(SigningKey, SIGNING_KEYS, {}, [("created_at", ASCENDING), ("_id", ASCENDING)])

    async def set_sealed(self, key_id: str, sealed: str, *, expected: str) -> bool:
        which = {"_id": text(key_id), "sealed": text(expected)}
        return await self._update(SIGNING_KEYS, which, {"sealed": text(sealed)})

    async def retire_signing_key(self, key_id: str, *, at: datetime) -> bool:
        later = {"$or": [{"retired_at": None}, {"retired_at": {"$gt": instant(at)}}]}
        return await self._update(SIGNING_KEYS, {"_id": text(key_id), **later}, {"retired_at": instant(at)})

    async def remove_signing_key(self, key_id: str) -> bool:
        result = await self._call(lambda: self._collection(SIGNING_KEYS).delete_one({"_id": text(key_id)}))
        return bool(result.deleted_count)


class MongoInstances(MongoPart):
    """The running processes of all machines. One that died without withdrawing is purged after a day."""

    async def announce(self, instance: Instance) -> None:
        document = document_of(instance)
        await self._call(
            lambda: self._collection(INSTANCES).replace_one({"_id": document["_id"]}, document, upsert=True)
        )

    async def instances(self) -> list[Instance]:
        return await self._all(Instance, INSTANCES, {}, [("started_at", ASCENDING), ("_id", ASCENDING)])

    async def withdraw(self, instance_id: str) -> None:
        await self._call(lambda: self._collection(INSTANCES).delete_one({"_id": text(instance_id)}))
