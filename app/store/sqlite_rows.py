"""How auth's dataclasses become rows of SQLite and back: instants as milliseconds, roles as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from app.auth.models import AuditEvent, Session, User
from app.store.values import from_millis, plain, text, to_millis

Value = str | int | None
Row = Sequence[Any]

USER_COLUMNS: Final = tuple(field.name for field in fields(User))
SESSION_COLUMNS: Final = tuple(field.name for field in fields(Session))
AUDIT_COLUMNS: Final = tuple(field.name for field in fields(AuditEvent))

INSTANTS: Final = frozenset(
    field.name for kind in (User, Session, AuditEvent) for field in fields(kind) if "datetime" in str(field.type)
)
FLAGS: Final = frozenset({"is_active", "is_email_verified"})


def column_list(names: Iterable[str], table: str = "") -> str:
    """The columns as a SELECT names them."""
    return ", ".join(f"{table}.{name}" if table else name for name in names)


def marks(names: Sequence[str]) -> str:
    """A question mark for each."""
    return ", ".join("?" for _ in names)


def roles_column(roles: Sequence[str]) -> str:
    """Roles as their column holds them."""
    return json.dumps([text(role) for role in roles])


def values_of(record: User | Session | AuditEvent) -> list[Value]:
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


def user_from(row: Row) -> User:
    """The user in a row of `USER_COLUMNS`."""
    return User(**_fields(USER_COLUMNS, row))


def session_from(row: Row) -> Session:
    """The session in a row of `SESSION_COLUMNS`."""
    return Session(**_fields(SESSION_COLUMNS, row))


def audit_event_from(row: Row) -> AuditEvent:
    """The event in a row of `AUDIT_COLUMNS`."""
    return AuditEvent(**_fields(AUDIT_COLUMNS, row))
