"""The records that a store keeps, which every store can read and write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from app.auth.models import AuditEvent, Letter, Link, PersonalToken, Session, SigningKey, User
from app.store.values import from_millis, plain, to_millis


@dataclass(frozen=True, slots=True)
class Device:
    """A device that an account has logged in from."""

    user_id: str
    key: str
    seen_at: datetime


Kept: TypeAlias = User | Session | AuditEvent | Link | Letter | PersonalToken | SigningKey | Device
#: What is kept, by its name in a backup. Counters of guesses and running processes are left out: they don't last.
KINDS: Final[dict[str, type[Kept]]] = {
    "user": User,
    "device": Device,
    "session": Session,
    "personal_token": PersonalToken,
    "link": Link,
    "letter": Letter,
    "signing_key": SigningKey,
    "audit_event": AuditEvent,
}
NAMES: Final = {kind: name for name, kind in KINDS.items()}


class Dump(Protocol):
    """A whole store, for a command that works on all of it. Methods may raise its driver's `errors`."""

    errors: tuple[type[Exception], ...]

    def read(self) -> Iterator[Kept]:
        """Yields all records as they were at one moment, as far as the database allows that."""
        ...

    def is_cut_off(self) -> bool:
        """Tells whether a replacement began here and never ended."""
        ...

    def is_empty(self) -> bool:
        """Tells whether nothing is kept yet."""
        ...

    def replace(self, records: Iterable[Kept]) -> None:
        """Replaces everything that is kept with `records`.

        This happens completely or not at all. Where the database has no transactions of unlimited size, a
        replacement that was cut off keeps every server from starting until it is repeated.
        """
        ...

    def close(self) -> None:
        """Closes the database."""
        ...


def to_plain(record: Kept) -> dict[str, Any]:
    """Returns a record as JSON holds it: instants as milliseconds since 1970, without fields that are None."""
    values = {field.name: plain(getattr(record, field.name)) for field in fields(record)}
    return {
        name: to_millis(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def from_plain(kind: type[Kept], values: dict[str, Any]) -> Kept:
    """Returns the record that has these values. Raises `ValueError` if they are not its fields."""
    known = {field.name: field for field in fields(kind)}
    needed = {
        name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING
    }
    if not needed <= values.keys() <= known.keys():
        raise ValueError(f"not the fields of a {NAMES[kind]}")
    return kind(**{name: _value(str(known[name].type), value) for name, value in values.items()})


def _value(type_name: str, value: Any) -> Any:
    if "datetime" in type_name and type(value) is int:
        return from_millis(value)
    if type_name.startswith("tuple") and type(value) is list:
        return tuple(value)
    if type(value) is _PLAIN.get(type_name):
        return value
    raise ValueError("a value of another type")


_PLAIN: Final = {"str": str, "bool": bool, "int": int}


@dataclass(frozen=True, slots=True)
class Schema:
    """The state of a database's schema.

    Args:
        version: the schema's version; None where nothing was ever kept.
        newest: the version that this Duet brings it to.
        remedies: for each index that is missing, its name and what creates it.
    """

    version: int | None
    newest: int
    remedies: tuple[str, ...] = ()
