"""What the parts of the MongoDB store have in common: the collections, the bounded call, and reading records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from app.store.mongo.schema import Document, RecordT, record_from
from app.store.values import instant, number

T = TypeVar("T")
#: Fields with `ASCENDING` or `DESCENDING`.
Order = Sequence[tuple[str, int]]


class MongoPart(ABC):
    """A part of the store. Collections are `Any`, so that only `store.py` knows of Motor."""

    @abstractmethod
    def _collection(self, name: str) -> Any:
        """Returns the collection of a connected client."""

    @abstractmethod
    async def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Returns the result of `work`, run under the breaker and within one time limit for all its steps."""

    async def _one(self, kind: type[RecordT], name: str, which: Document) -> RecordT | None:
        document = await self._call(lambda: self._collection(name).find_one(which))
        return None if document is None else record_from(kind, document)

    async def _all(
        self, kind: type[RecordT], name: str, which: Document, order: Order, limit: int | None = None
    ) -> list[RecordT]:
        if limit is not None and limit < 1:  # 0 means "all of them" to MongoDB
            return []
        documents = await self._call(
            lambda: self._collection(name).find(which).sort(list(order)).limit(limit or 0).to_list(None)
        )
        return [record_from(kind, document) for document in documents]

    async def _page(
        self, name: str, which: Document, order: Order, *, after: Sequence[Any] | None, limit: int, index: str
    ) -> list[Document]:
        """Returns at most `limit` documents in the order of `index`, beginning after the values `after`.

        The index is named, since the planner might prefer another one, read all of it, and sort.
        """

        async def work() -> list[Document]:
            found: list[Document] = []
            for beyond in _ranges(order, after):
                if len(found) < limit:
                    query = self._collection(name).find({"$and": [which, beyond]}, hint=index)
                    found += await query.sort(list(order)).limit(limit - len(found)).to_list(None)
            return found

        return await self._call(work)

    async def _earliest(self, name: str, field: str, at: datetime, *, also: str, limit: int) -> list[Document]:
        """Returns at most `limit` documents whose `field` is `at` or later, in its order, with both fields."""
        query = {field: {"$gte": instant(at)}}
        # All documents come in one answer: by default, the first one holds 101.
        documents: list[Document] = await self._call(
            lambda: (
                self._collection(name)
                .find(query, {field: True, also: True}, batch_size=number(limit))
                .sort(field)
                .limit(limit)
                .to_list(None)
            )
        )
        return documents

    async def _update(self, name: str, which: Document, values: Document, **counters: int) -> bool:
        change = {"$set": values, **({"$inc": counters} if counters else {})}
        result = await self._call(lambda: self._collection(name).update_one(which, change))
        return bool(result.matched_count)


def _ranges(order: Order, after: Sequence[Any] | None) -> Iterator[Document]:
    """Yields the conditions for what comes after some values. Each is one range of the index, in its order."""
    if after is None:
        yield {}
        return
    for length in reversed(range(len(order))):
        field, direction = order[length]
        same: Document = {name: value for (name, _), value in zip(order[:length], after, strict=False)}
        yield {**same, field: {"$gt" if direction > 0 else "$lt": after[length]}}
