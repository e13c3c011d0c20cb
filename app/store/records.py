"""What a store keeps, as records that each store can read and write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from app.auth.models import AuditEvent, Letter, Link, PersonalToken, Session, SigningKey, User
from app.store.values import from_millis, plain, to_millis


@dataclass(frozen=True, slots=True)
class Device:
    """What an account logged in from before."""

    user_id: str
    key: str
    seen_at: datetime


Kept: TypeAlias = User | Session | AuditEvent | Link | Letter | PersonalToken | SigningKey | Device
#: What is kept, by the name that it has in a back-up. Counters of guesses and running processes are of one moment.
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
    """A store as a whole, for a command that works on nothing else. Methods may raise its driver's `errors`."""

    errors: tuple[type[Exception], ...]

    def read(self) -> Iterator[Kept]:
        """All records, as they were at one moment, as far as the database can tell one."""
        ...

    def is_cut_off(self) -> bool:
        """Whether a replacement was begun here and never ended."""
        ...

    def is_empty(self) -> bool:
        """Whether nothing is kept yet."""
        ...

    def replace(self, records: Iterable[Kept]) -> None:
        """Keeps these, and nothing else.

        Either whole or not at all; where the database has no transaction of any size, one that was cut off keeps
        every server from starting until it is done again.
        """
        ...

    def close(self) -> None:
        """Lets go of the database."""
        ...


def to_plain(record: Kept) -> dict[str, Any]:
    """A record as JSON holds it: instants as milliseconds since 1970, without what is None."""
    values = {field.name: plain(getattr(record, field.name)) for field in fields(record)}
    return {
        name: to_millis(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def from_plain(kind: type[Kept], values: dict[str, Any]) -> Kept:
    """The record. Raises `ValueError` if these are not its fields."""
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
    """What was found.

    Args:
        version: the schema's; None where nothing was ever kept.
        newest: what this Duet makes of it.
        remedies: of each index that is missing, what it is and what makes it.
    """

    version: int | None
    newest: int
    remedies: tuple[str, ...] = ()
