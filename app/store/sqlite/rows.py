"""Turns auth's dataclasses into rows of SQLite and back: instants are milliseconds, lists are JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, TypeVar

from app.auth.models import AuditEvent, Instance, Letter, Link, PersonalToken, Session, SigningKey, User
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
LISTS: Final = frozenset(
    field.name for kind in KINDS for field in fields(kind) if str(field.type).startswith("tuple")
)


def columns_of(kind: type[Record]) -> tuple[str, ...]:
    """Returns the columns that hold the fields of a dataclass."""
    return tuple(field.name for field in fields(kind))


def column_list(names: Iterable[str], table: str = "") -> str:
    """Returns the columns as a SELECT names them. They are quoted, since `to` is a keyword of SQL."""
    return ", ".join(f'{table}."{name}"' if table else f'"{name}"' for name in names)


def marks(values: Collection[object]) -> str:
    """Returns a question mark for each value."""
    return ", ".join("?" for _ in values)


USER_COLUMNS: Final = columns_of(User)
SESSION_COLUMNS: Final = columns_of(Session)


def list_column(texts: Sequence[str]) -> str:
    """Returns texts, such as roles, as their column holds them."""
    return json.dumps([text(each) for each in texts])


def values_of(record: Record) -> list[Value]:
    """Returns the values of the record's columns, in the order of its dataclass."""
    return [_column(getattr(record, field.name)) for field in fields(record)]


def _column(value: object) -> Value:
    value = plain(value)
    if isinstance(value, datetime):
        return to_millis(value)
    if isinstance(value, list):
        return list_column(value)
    return value


def _field_from(name: str) -> Callable[[Any], Any]:
    """Returns the function that turns a column's value into its field's."""
    if name in INSTANTS:
        return from_millis
    if name in FLAGS:
        return bool
    return _list_from if name in LISTS else _as_it_is


def _list_from(value: str) -> tuple[str, ...]:
    return tuple(json.loads(value))


def _as_it_is(value: Any) -> Any:
    return value


_FIELDS_FROM: Final = {kind: tuple(map(_field_from, columns_of(kind))) for kind in KINDS}


def record_from(kind: type[RecordT], row: Row) -> RecordT:
    """Returns the record in a row of the columns of `kind`."""
    pairs = zip(_FIELDS_FROM[kind], row, strict=True)
    values: list[Any] = [None if value is None else field_from(value) for field_from, value in pairs]
    return kind(*values)
