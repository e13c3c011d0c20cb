"""A MongoDB database as a whole: a replica set is read as of one moment, and a replacement leaves a mark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import ConfigurationError, PyMongoError
from pymongo.write_concern import WriteConcern

from app.auth.models import AuditEvent, Letter, Link, PersonalToken, Session, SigningKey, User
from app.store.breaker import StoreUnusable
from app.store.mongo.schema import (
    AUDIT_EVENTS,
    DEVICES,
    HITS,
    INSTANCES,
    LETTERS,
    LINKS,
    LOCKS,
    RESTORING,
    SESSIONS,
    SIGNING_KEYS,
    TOKENS,
    USERS,
    Document,
    document_of,
    record_from,
)
from app.store.mongo.url import UNFIT, check_url
from app.store.mongo.users import stored_user
from app.store.records import Device, Kept
from app.store.values import instant, text

_COLLECTIONS: Final[dict[Any, str]] = {
    User: USERS,
    Session: SESSIONS,
    PersonalToken: TOKENS,
    Link: LINKS,
    Letter: LETTERS,
    SigningKey: SIGNING_KEYS,
    AuditEvent: AUDIT_EVENTS,
}
_ORDER: Final = {AuditEvent: [("at", 1), ("_id", 1)]}
_MOMENTARY: Final = (HITS, INSTANCES)
_BATCH: Final = 1000


class MongoDump:
    """The `app.store.records.Dump` of a database whose indexes exist.

    Args:
        url: the server's, with the name of the database.
    """

    errors: tuple[type[Exception], ...] = (PyMongoError,)

    def __init__(self, url: str) -> None:
        check_url(url)
        try:
            self._client: MongoClient[Document] = MongoClient(
                url, appname="duet", tz_aware=True, tzinfo=UTC, serverSelectionTimeoutMS=5000
            )
        except ConfigurationError as error:  # the DNS was asked
            raise StoreUnusable(UNFIT) from error
        self._db = self._client.get_default_database("duet").with_options(
            write_concern=WriteConcern(w="majority", j=True)
        )

    @contextmanager
    def _moment(self) -> Iterator[ClientSession | None]:
        """Gives a session in which all reads see one state, or None on a stand-alone server, which has none."""
        if not self._client.admin.command("hello").get("setName"):
            yield None
            return
        with self._client.start_session(snapshot=True) as session:
            yield session

    def read(self) -> Iterator[Kept]:
        with self._moment() as session:
            for kind, name in _COLLECTIONS.items():
                # Sessions that are not confirmed do not count yet.
                which = {"is_confirmed": True} if kind is Session else {}
                for document in self._db[name].find(which, session=session, sort=_ORDER.get(kind)):
                    yield record_from(kind, document)
            for device in self._db[DEVICES].find(session=session):
                yield Device(device["user_id"], device["key"], device["seen_at"])

    def is_cut_off(self) -> bool:
        return self._db[LOCKS].find_one({"_id": RESTORING}) is not None

    def is_empty(self) -> bool:
        return self._db[USERS].find_one() is None

    def replace(self, records: Iterable[Kept]) -> None:
        mark = {"_id": RESTORING}
        self._db[LOCKS].replace_one(mark, {**mark, "at": datetime.now(UTC)}, upsert=True)
        for name in (*_COLLECTIONS.values(), DEVICES, *_MOMENTARY):
            self._db[name].delete_many({})
        iterator = iter(map(_insertion, records))
        while batch := list(islice(iterator, _BATCH)):
            for name in dict.fromkeys(name for name, _ in batch):
                self._db[name].insert_many([document for other, document in batch if other == name])
        self._db[LOCKS].delete_one(mark)

    def close(self) -> None:
        self._client.close()


def _insertion(record: Kept) -> tuple[str, Document]:
    if isinstance(record, Device):
        seen_at = instant(record.seen_at)
        return DEVICES, {"user_id": text(record.user_id), "key": text(record.key), "seen_at": seen_at}
    if isinstance(record, User):
        return USERS, stored_user(record)
    document = document_of(record)
    if isinstance(record, Session):
        document["is_confirmed"] = True
    return _COLLECTIONS[type(record)], document
