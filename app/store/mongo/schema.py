"""The collections and indexes of the MongoDB store, and how auth's dataclasses become its documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, TypeVar, get_args

from pymongo import ASCENDING, DESCENDING, IndexModel

from app.auth.models import ADMIN, AuditEvent, Instance, Letter, Link, PersonalToken, Session, SigningKey, User
from app.store.values import KEEP_DEVICES, number, plain

USERS: Final = "users"
SESSIONS: Final = "sessions"
AUDIT_EVENTS: Final = "audit_events"
LINKS: Final = "links"
LETTERS: Final = "letters"
TOKENS: Final = "personal_tokens"
DEVICES: Final = "devices"
HITS: Final = "hits"
SIGNING_KEYS: Final = "signing_keys"
#: The running processes.
INSTANCES: Final = "instances"
#: Who is doing something that only one process may do at a time.
LOCKS: Final = "locks"
#: The document beside the locks that holds the schema's version.
SCHEMA: Final = "schema"
#: The version that this Duet makes. A higher one may mean something else, and is refused.
VERSION: Final = 1
#: The lock of a restore. While it is there, what is kept is not complete.
RESTORING: Final = "restore"
#: Holds one document that a probe writes to, which reveals a read-only database.
PROBE: Final = "probe"

#: The field of a user's document that holds what has still to be done (see `unfinished`).
UNFINISHED: Final = "unfinished"

#: The store's own field of a link and a personal access token: its user's `credentials_version` when it was made.
MADE_UNDER: Final = "made_under"

#: The store's own field of a personal access token: which of its user's places it takes, counted from 0.
SLOT: Final = "slot"

#: How long after its absolute limit a session is removed if nobody calls `purge`, in seconds.
FORGET_SESSIONS: Final = 30 * 24 * 3600
#: The same for everything else that expires: long enough for clocks that differ.
FORGET: Final = 24 * 3600

#: The condition for an active admin.
ACTIVE_ADMIN: Final[Mapping[str, Any]] = {"is_active": True, "roles": ADMIN}


def _index(name: str, *keys: str, **options: Any) -> IndexModel:
    """Returns an index over the fields, in ascending order, or descending where a minus is in front."""
    order = [(key.lstrip("-"), DESCENDING if key.startswith("-") else ASCENDING) for key in keys]
    return IndexModel(order, name=name, **options)


#: Instants that are None are left out of a document, so `sparse` indexes hold only those that are set.
INDEXES: Final[Mapping[str, list[IndexModel]]] = {
    USERS: [
        _index("email_key", "email_key", unique=True),
        _index("rights_changed", "rights_changed_at", sparse=True),
        # Not a partial index: it also finds the documents that lack the field (see `migrations`).
        _index("by_name", "name_key", "email_key"),
        _index(
            "by_last_name", "last_name_key", "email_key", "name_key",
            partialFilterExpression={"last_name_key": {"$gt": ""}},
        ),
        _index("active_admins", "roles", partialFilterExpression=dict(ACTIVE_ADMIN)),
        _index("unfinished", f"{UNFINISHED}.at", sparse=True),
    ],
    SESSIONS: [
        _index("last_used_of_user", "user_id", "revoked_at", "-last_used_at", "-_id"),
        _index("revoked", "revoked_at", sparse=True),
        _index("idle_expires", "idle_expires_at"),
        _index("expires", "expires_at", expireAfterSeconds=FORGET_SESSIONS),
    ],
    # There is no TTL here: the operator chooses how long the audit log is kept, and `purge` is told.
    AUDIT_EVENTS: [
        _index("newest", "-at", "-_id"),
        _index("newest_of_user", "user_id", "-at", "-_id"),
        _index("newest_of_event", "event", "-at", "-_id"),
        _index("newest_of_user_and_event", "user_id", "event", "-at", "-_id"),
        _index("of_actor", "actor_id", partialFilterExpression={"actor_id": {"$gt": ""}}),
    ],
    LINKS: [
        _index("of_user", "user_id", "purpose"),
        _index("of_purpose", "purpose", "-created_at", "-_id"),
        _index("expires", "expires_at", expireAfterSeconds=FORGET),
    ],
    LETTERS: [_index("due", "due_at"), _index("of_user", "user_id")],
    TOKENS: [
        _index("token_hash", "token_hash", unique=True),
        _index("of_user", "user_id", "-created_at", "-_id"),
        # Not in the documents of an older Duet.
        _index("slot", "user_id", SLOT, unique=True, partialFilterExpression={SLOT: {"$gte": 0}}),
        _index("expires", "expires_at", expireAfterSeconds=FORGET),
    ],
    DEVICES: [
        _index("of_user", "user_id", "key", unique=True),
        _index("last_seen_of_user", "user_id", "-seen_at", "-_id"),
        _index("seen", "seen_at", expireAfterSeconds=int(KEEP_DEVICES.total_seconds()) + FORGET),
    ],
    HITS: [_index("expires", "expires_at", expireAfterSeconds=FORGET)],
    SIGNING_KEYS: [_index("successor", "algorithm", "previous", unique=True)],
    INSTANCES: [_index("seen", "seen_at", expireAfterSeconds=FORGET)],
}  # fmt: skip

#: Indexes that an older Duet made and this one does not use.
STALE_INDEXES: Final[Mapping[str, tuple[str, ...]]] = {
    AUDIT_EVENTS: ("by_time", "of_user"),
    SESSIONS: ("of_user",),
}

Document = dict[str, Any]
Record = User | Session | AuditEvent | Link | Letter | PersonalToken | SigningKey | Instance
RecordT = TypeVar("RecordT", User, Session, AuditEvent, Link, Letter, PersonalToken, SigningKey, Instance)


def document_of(record: Record) -> Document:
    """Returns the record as a document: `id` becomes `_id`, and fields that are None are left out."""
    values = {field.name: plain(getattr(record, field.name)) for field in fields(record)}
    return {"_id": values.pop("id"), **{name: value for name, value in values.items() if value is not None}}


_LISTS: Final = frozenset(
    field.name for kind in get_args(Record) for field in fields(kind) if str(field.type).startswith("tuple")
)
_NAMES: Final = {kind: frozenset(field.name for field in fields(kind)) for kind in get_args(Record)}


def record_from(kind: type[RecordT], document: Mapping[str, Any]) -> RecordT:
    """Returns the record in a document. Ignores fields that only a newer Duet knows."""
    names = _NAMES[kind] & document.keys()
    values: dict[str, Any] = {name: tuple(document[name]) if name in _LISTS else document[name] for name in names}
    return kind(**values, id=document["_id"])


def this_version(version: int) -> Document:
    """Returns the condition that a counter of changes has this value. Older documents lack it: that is 0."""
    return {"$in": [0, None]} if number(version) == 0 else {"$eq": version}
