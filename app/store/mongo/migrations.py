"""Brings a MongoDB database up to what this Duet expects: indexes, and fields that older documents lack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pymongo
from pymongo import UpdateOne
from pymongo.errors import OperationFailure

from app.store.breaker import StoreUnusable
from app.store.mongo.schema import INDEXES, LOCKS, SCHEMA, STALE_INDEXES, USERS, VERSION, Document
from app.store.mongo.users import search_fields

#: How long it may take to build a collection's indexes over existing data, in seconds.
INDEX_TIME: Final = 300.0
#: How long it may take to fill one batch of documents, in seconds.
BATCH_TIME: Final = 30.0
BATCH: Final = 2000
#: The server's error code.
INDEX_NOT_FOUND: Final = 27


async def migrate(collection: Callable[[str], Any]) -> None:
    """Migrates the database. Many may call it at once, and again after a failure: it goes on where it stopped.

    Raises:
        StoreUnusable: a newer Duet has migrated the database.
    """
    schema = await collection(LOCKS).find_one({"_id": SCHEMA})
    if schema is not None and schema["version"] > VERSION:
        raise StoreUnusable(
            f"The database was made by a newer Duet (schema {schema['version']}, this one knows {VERSION}):"
            " please upgrade."
        )
    for name in INDEXES:
        with pymongo.timeout(INDEX_TIME):
            await _make_indexes(collection(name), name)
    await _fill_search_fields(collection(USERS))
    await collection(LOCKS).update_one({"_id": SCHEMA}, {"$max": {"version": VERSION}}, upsert=True)


async def _make_indexes(collection: Any, name: str) -> None:
    await collection.create_indexes(INDEXES[name])
    stale = STALE_INDEXES.get(name, ())
    there = await collection.index_information() if stale else {}
    for index in stale:
        if index in there:
            try:
                await collection.drop_index(index)
            except OperationFailure as error:
                if error.code != INDEX_NOT_FOUND:  # another process was quicker
                    raise


async def _fill_search_fields(users: Any) -> None:
    while True:
        with pymongo.timeout(BATCH_TIME):
            lacking: list[Document] = await users.find({"name_key": None}, {"name": 1}).limit(BATCH).to_list(None)
            if not lacking:
                return
            # The condition has the name as it was read. If the name changes meanwhile, that change or the next
            # round fills the fields.
            await users.bulk_write(
                [
                    UpdateOne(
                        {"_id": each["_id"], "name": each.get("name"), "name_key": None},
                        {"$set": search_fields(each.get("name", ""))},
                    )
                    for each in lacking
                ],
                ordered=False,
            )
