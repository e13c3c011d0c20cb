"""Reads the schema of a MongoDB database without changing it."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from app.auth.errors import StoreUnavailable
from app.store.mongo.schema import INDEXES, LOCKS, SCHEMA, VERSION, Document
from app.store.records import Schema


def inspect_database(url: str) -> Schema:
    """Returns the state of the schema in the database. Raises `StoreUnavailable` if the server does not answer."""
    client: MongoClient[Document]
    try:
        with MongoClient(url, appname="duet", serverSelectionTimeoutMS=2000, connectTimeoutMS=2000) as client:
            database: Any = client.get_default_database("duet")
            found = database[LOCKS].find_one({"_id": SCHEMA})
            if found is None:
                # A database from before versions were written down has users, and counts as version 0.
                return Schema(0 if database["users"].find_one() else None, VERSION)
            if found["version"] != VERSION:
                return Schema(found["version"], VERSION)
            missing = [f"{name}.{index}" for name in INDEXES for index in _missing(database, name)]
    except (PyMongoError, ValueError, OSError) as error:  # the last one for a file that an option of the URL names
        raise StoreUnavailable() from error
    return Schema(VERSION, VERSION, tuple(f"{name}, which the next start creates" for name in missing))


def _missing(database: Any, name: str) -> list[str]:
    there = database[name].index_information()
    return [index.document["name"] for index in INDEXES[name] if index.document["name"] not in there]
