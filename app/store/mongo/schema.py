"""The collections and indexes of the MongoDB store, and how auth's dataclasses become its documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, TypeVar

from pymongo import ASCENDING, DESCENDING, IndexModel

from app.auth.models import AuditEvent, Session, User
from app.store.values import plain

USERS: Final = "users"
SESSIONS: Final = "sessions"
AUDIT_EVENTS: Final = "audit_events"
#: One document that a probe writes to, which tells a database that only reads.
PROBE: Final = "probe"

#: How long after its absolute limit a session goes by itself, in seconds, if nobody calls `purge`.
FORGET_SESSIONS: Final = 30 * 24 * 3600

#: Instants that are None are left out of a document, so `sparse` indexes hold only those that are set.
INDEXES: Final[Mapping[str, list[IndexModel]]] = {
    USERS: [
        IndexModel([("email_key", ASCENDING)], unique=True, name="email_key"),
        IndexModel([("rights_changed_at", ASCENDING)], sparse=True, name="rights_changed"),
    ],
    SESSIONS: [
        IndexModel(
            [("user_id", ASCENDING), ("revoked_at", ASCENDING), ("last_used_at", DESCENDING)], name="of_user"
        ),
        IndexModel([("revoked_at", ASCENDING)], sparse=True, name="revoked"),
        IndexModel([("idle_expires_at", ASCENDING)], name="idle_expires"),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=FORGET_SESSIONS, name="expires"),
    ],
    # No TTL here: how long the audit log is kept is the operator's choice, and `purge` is told it.
    AUDIT_EVENTS: [
        IndexModel([("at", DESCENDING), ("seq", DESCENDING)], name="by_time"),
        IndexModel([("user_id", ASCENDING), ("at", DESCENDING), ("seq", DESCENDING)], name="of_user"),
    ],
}

Document = dict[str, Any]
Record = TypeVar("Record", bound=User | Session | AuditEvent)


def document_of(record: User | Session | AuditEvent) -> Document:
    """The record as a document: `id` is `_id`, and what is None is left out."""
    values = {field.name: plain(getattr(record, field.name)) for field in fields(record)}
    return {"_id": values.pop("id"), **{name: value for name, value in values.items() if value is not None}}


def record_from(kind: type[Record], document: Mapping[str, Any]) -> Record:
    """The record in a document. Fields that only a newer Duet knows are passed over."""
    names = {field.name for field in fields(kind)} & document.keys()
    values: dict[str, Any] = {name: tuple(document[name]) if name == "roles" else document[name] for name in names}
    return kind(**values, id=document["_id"])
