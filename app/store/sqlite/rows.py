"""How auth's dataclasses become rows of SQLite and back: instants as milliseconds, roles as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, TypeVar

from app.auth.deployment import Instance, SigningKey
from app.auth.models import AuditEvent, Letter, Link, PersonalToken, Session, User
from app.store.values import from_millis, plain, text, to_millis

Value = str | int | None
Row = Sequence[Any]

Record = User | Session | AuditEvent | Link | Letter | PersonalToken | SigningKey | Instance
RecordT = TypeVar("RecordT", User, Session, AuditEvent, Link, Letter, PersonalToken, SigningKey, Instance)

KINDS: Final = (User, Session, AuditEvent, Link, Letter, PersonalToken, SigningKey, Instance)
INSTANTS: Final = frozenset(
    field.name for kind in KINDS for field in fields(kind) if "datetime" in str(field.type)
)
FLAGS: Final = frozenset(field.name for kind in KINDS for field in fields(kind) if str(field.type) == "bool")


def columns_of(kind: type[Record]) -> tuple[str, ...]:
    """The columns that hold the fields of a dataclass."""
    return tuple(field.name for field in fields(kind))


def column_list(names: Iterable[str], table: str = "") -> str:
    """The columns as a SELECT names them. Quoted, since `to` is a word of SQL."""
    return ", ".join(f'{table}."{name}"' if table else f'"{name}"' for name in names)


def marks(values: Collection[object]) -> str:
    """A question mark for each."""
    return ", ".join("?" for _ in values)


USER_COLUMNS: Final = columns_of(User)
SESSION_COLUMNS: Final = columns_of(Session)


def roles_column(roles: Sequence[str]) -> str:
    """Roles as their column holds them."""
    return json.dumps([text(role) for role in roles])


def values_of(record: Record) -> list[Value]:
    """The record's columns, in the order of its dataclass."""
    return [_column(getattr(record, field.name)) for field in fields(record)]


def _column(value: object) -> Value:
    value = plain(value)
    if isinstance(value, datetime):
        return to_millis(value)
    if isinstance(value, list):
        return roles_column(value)
    return value


def _fields(names: Sequence[str], row: Row) -> dict[str, Any]:
    return {name: _field(name, value) for name, value in zip(names, row, strict=True)}


def _field(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in INSTANTS:
        return from_millis(value)
    if name in FLAGS:
        return bool(value)
    if name == "roles":
        return tuple(json.loads(value))
    return value


def record_from(kind: type[RecordT], row: Row) -> RecordT:
    """The record in a row of the columns of `kind`."""
    return kind(**_fields(columns_of(kind), row))
