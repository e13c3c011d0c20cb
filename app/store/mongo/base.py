"""What the parts of the MongoDB store have in common: the collections, and the bounded call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from app.store.mongo.schema import Document, Record, record_from

T = TypeVar("T")


class MongoPart(ABC):
    """A part of the store. Collections are `Any`, so that Motor stays `mongo.py`'s own affair."""

    @abstractmethod
    def _collection(self, name: str) -> Any:
        """The collection, on a connected client."""

    @abstractmethod
    async def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, under the breaker, and with a time limit for all its steps together."""

    async def _find(
        self, kind: type[Record], name: str, which: Document, order: list[tuple[str, int]], limit: int
    ) -> list[Record]:
        if limit < 1:  # 0 means "all of them" to MongoDB
            return []
        documents = await self._call(
            lambda: self._collection(name).find(which).sort(order).limit(limit).to_list(None)
        )
        return [record_from(kind, document) for document in documents]

    async def _update(self, name: str, which: Document, values: Document, **counters: int) -> bool:
        change = {"$set": values, **({"$inc": counters} if counters else {})}
        result = await self._call(lambda: self._collection(name).update_one(which, change))
        return bool(result.matched_count)
