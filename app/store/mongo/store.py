"""The whole store for more than one container: everything that auth keeps, in MongoDB, through Motor.

Nothing here needs a multi-document transaction, so a stand-alone mongod will do: every condition is part of the
single write that depends on it, and several writes are ordered so that they can stop anywhere. The conditions on
other documents, which all concern admins, are checked under a lock.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC
from multiprocessing import cpu_count
from typing import Final, TypeVar

import pymongo
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidOperation, OperationFailure, PyMongoError

from app.store.breaker import Breaker, StoreUnusable
from app.store.measurements import StoreMeasurements
from app.store.mongo.admissions import MongoAdmissions
from app.store.mongo.audit import MongoAudit
from app.store.mongo.deployment import MongoInstances, MongoSigningKeys
from app.store.mongo.hits import MongoHits
from app.store.mongo.letters import MongoLetters
from app.store.mongo.links import MongoLinks
from app.store.mongo.logins import MongoLogins
from app.store.mongo.migrations import migrate
from app.store.mongo.passwords import MongoPasswords
from app.store.mongo.rights import MongoRights
from app.store.mongo.schema import LOCKS, PROBE, RESTORING, Document
from app.store.mongo.sessions import MongoSessions
from app.store.mongo.tokens import MongoTokens
from app.store.mongo.upkeep import MongoUpkeep
from app.store.mongo.url import UNFIT, check_url, unfit_files
from app.store.mongo.user_search import MongoUserSearch
from app.store.mongo.watching import MongoWatching
from app.store.places import Places

T = TypeVar("T")

#: How long all the steps of one call together may take, in seconds: less than a caller's patience.
ANSWER_TIME: Final = 2.0
#: How many threads Motor has: five per core, unless the variable says otherwise.
_THREADS: Final = int(os.environ.get("MOTOR_MAX_WORKERS", 0)) or 5 * cpu_count()
#: How many calls may be under way at once: as many as there are threads, but for the one that listens (see
#: `watching`). The other calls queue here, where everybody has their turn, and a caller that gives up leaves the
#: queue. In Motor's own queue they would wait in the order in which they came, and lose their time for an answer.
CONCURRENCY: Final = max(1, _THREADS - 1)

#: Server codes for mistakes in what we sent: BadValue, FailedToParse, TypeMismatch, DocumentValidationFailure.
MISTAKES: Final = frozenset({2, 9, 14, 121})
#: Unauthorized, AuthenticationFailed.
REFUSALS: Final = frozenset({13, 18})


def diagnose(error: Exception) -> str | None:
    """Returns why `error` means that the database can't serve; None for a mistake of ours.

    The error's text is left out, since it may quote the URL.
    """
    if isinstance(error, BSONError | DuplicateKeyError | InvalidOperation):
        return None
    if isinstance(error, OperationFailure):
        return None if error.code in MISTAKES else f"{type(error).__name__} {error.code}"
    return type(error).__name__


class MongoStore(
    MongoAdmissions, MongoUserSearch, MongoRights, MongoSessions, MongoLinks, MongoLetters, MongoTokens,
    MongoLogins, MongoPasswords, MongoHits, MongoAudit, MongoSigningKeys, MongoInstances, MongoUpkeep,
    MongoWatching,
):  # fmt: skip
    """`app.auth.ports.Store` on MongoDB, a replica set or a stand-alone server."""

    def __init__(self, url: str) -> None:
        check_url(url)
        self._url = url
        self._client: AsyncIOMotorClient[Document] | None = None
        self._database: AsyncIOMotorDatabase[Document] | None = None
        #: Creating one costs a tenth of the call that uses it.
        self._collections: dict[str, AsyncIOMotorCollection[Document]] = {}
        self._is_migrated = False
        self._places = Places(CONCURRENCY)
        self._breaker = Breaker(
            "mongodb", prepare=self._prepare, driver_errors=(PyMongoError, BSONError), diagnose=diagnose
        )

    @property
    def measurements(self) -> StoreMeasurements:
        """The measurements of its calls."""
        return self._breaker.measurements

    async def open(self) -> None:
        await self._breaker.open()

    async def close(self) -> None:
        await self._breaker.close()
        if self._client is not None:
            self._client.close()
        self._client = self._database = None
        self._collections.clear()
        self._is_migrated = False

    async def ping(self) -> None:
        await self._call(lambda: self._db.command("ping"))

    async def _prepare(self) -> None:
        try:
            if self._client is None:
                # This runs in a thread: a mongodb+srv:// URL is looked up in the DNS.
                with unfit_files(self._url):
                    self._client = await asyncio.to_thread(_connect, self._url)
                self._database = self._client.get_default_database("duet")
            with pymongo.timeout(ANSWER_TIME):
                await self._collection(PROBE).update_one(
                    {"_id": "probe"}, {"$currentDate": {"at": True}}, upsert=True
                )
                if await self._collection(LOCKS).find_one({"_id": RESTORING}) is not None:
                    raise StoreUnusable("A restore was cut off: run `duet restore` again.")
            if not self._is_migrated:
                await migrate(self._collection)
                self._is_migrated = True
            with pymongo.timeout(ANSWER_TIME):
                await self._finish_all()
        except OperationFailure as error:
            if error.code in REFUSALS:
                raise StoreUnusable("MongoDB refused the user or password of DATABASE_URL.") from error
            raise
        except ConfigurationError as error:
            raise StoreUnusable(UNFIT) from error

    @property
    def _db(self) -> AsyncIOMotorDatabase[Document]:
        if self._database is None:
            raise InvalidOperation("not connected")
        return self._database

    def _collection(self, name: str) -> AsyncIOMotorCollection[Document]:
        if name not in self._collections:
            self._collections[name] = self._db[name]
        return self._collections[name]

    async def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        async def bounded() -> T:
            with pymongo.timeout(ANSWER_TIME):
                return await work()

        return await self._breaker.call(bounded, self._places)


def _connect(url: str) -> AsyncIOMotorClient[Document]:
    # Options set here override the URL: a deployment must not loosen what the conditional writes rely on.
    return AsyncIOMotorClient(
        url,
        appname="duet",
        tz_aware=True,
        tzinfo=UTC,
        w="majority",
        journal=True,
        retryWrites=True,
        readPreference="primary",
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=2000,
    )
