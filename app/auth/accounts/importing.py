"""Imports users from another system with their bcrypt hashes. It is safe to repeat, and names each bad line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from app.auth.accounts.import_lines import BadLine, Record
from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.models import Client, User
from app.auth.parsing import parse_email, parse_name, parse_roles
from app.auth.ports import Store
from app.auth.refusals import InputRefused

#: How many users are stored at once.
BATCH: Final = 500

_BCRYPT: Final = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
#: passlib's two forms. The salt is part of the key, so its last character can't be put right.
_BCRYPT_SHA256: Final = re.compile(
    r"\$bcrypt-sha256\$(?:2[ab],(?P<old_cost>\d\d?)|v=2,t=2b,r=(?P<cost>\d\d?))\$[./A-Za-z0-9]{21}[.Oeu]\$[./A-Za-z0-9]{31}",
    re.ASCII,
)
_COSTS: Final = range(4, 17)
_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#: The form of an id that is brought along: what API addresses accept. Duet's own have 32 hexadecimal digits.
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0"})


@dataclass
class Tally:
    """The outcome of an import: how many accounts were treated in which way."""

    imported: int = 0
    #: Accounts that existed, or were in an earlier line. They are left as they are.
    known: int = 0
    refused: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Importing:
    """Creates accounts from what another system kept about them.

    Args:
        store: keeps the users.
        clock: tells the time.
        audit: is told once, with the number of accounts.
    """

    store: Store
    clock: Clock
    audit: Audit

    async def run(
        self,
        records: Iterable[Record | BadLine],
        client: Client,
        *,
        on_refused: Callable[[BadLine], None],
        dry_run: bool = False,
    ) -> Tally:
        """Imports the good records, a batch at a time. An account that already exists is left untouched.

        So an import can be run again, even after an interruption. Of two lines with the same email address, the
        first one counts. A dry run stores nothing, and finds two such lines only if they are in the same batch.

        Args:
            records: the records, of which there may be any number; one batch is held in memory.
            client: who asks for the import.
            on_refused: is told of each bad line, in order.
            dry_run: whether to check only, and to store nothing.

        Raises:
            StoreUnavailable: the store is away; what was stored until then stays.
        """
        tally = Tally()
        batch: dict[str, User] = {}
        try:
            for record in records:
                outcome: User | BadLine | None = self._user_of(record)
                if isinstance(outcome, User):
                    outcome = await self._unless_anothers(record, outcome, batch)
                if isinstance(outcome, BadLine):
                    tally.refused += 1
                    on_refused(outcome)
                    continue
                if outcome is None:
                    tally.known += 1
                    continue
                batch[outcome.id] = outcome
                if len(batch) == BATCH:
                    await self._add([*batch.values()], tally, dry_run)
                    batch = {}
            await self._add([*batch.values()], tally, dry_run)
        finally:
            if tally.imported and not dry_run:
                await self.audit.record("users_imported", client=client, detail=str(tally.imported))
        return tally

    async def _unless_anothers(
        self, record: Record | BadLine, user: User, batch: Mapping[str, User]
    ) -> User | BadLine | None:
        """Returns the user, None if they already have the id that the line brings, or why they can't have it."""
        if not isinstance(record, Record) or record.values.get("id") in (None, ""):
            return user
        other = batch.get(user.id) or await self.store.user_by_id(user.id)
        if other is None:
            return user
        if other.email_key == user.email_key:
            return None
        return BadLine(record.number, "id: an account with another email address has it")

    async def _add(self, batch: list[User], tally: Tally, dry_run: bool) -> None:
        if not batch:
            return
        if dry_run:
            new = {user.email_key for user in batch if await self.store.user_by_email(user.email_key) is None}
            known = len(batch) - len(new)
        else:
            known = len(await self.store.add_users(batch))
        tally.known += known
        tally.imported += len(batch) - known

    def _user_of(self, record: Record | BadLine) -> User | BadLine:
        if isinstance(record, BadLine):
            return record
        values = {name: value for name, value in record.values.items() if value is not None and value != ""}
        column = ""
        try:
            address, email_key = parse_email(_text(values, column := "email"))
            return User(
                id=_id(values.get(column := "id")),
                email=address,
                email_key=email_key,
                password_hash=_hash(_text(values, column := "password_hash")),
                name=parse_name(_text(values, column := "name", default="")),
                roles=parse_roles(_names(values.get(column := "roles", ""))),
                is_active=_flag(values.get(column := "is_active", True)),
                is_email_verified=_flag(values.get(column := "is_email_verified", False)),
                created_at=self._instant(_text(values, column := "created_at", default="")),
            )
        except InputRefused as error:
            return BadLine(record.number, f"{column}: {_lowered(error.message)}")
        except _Refused as error:
            return BadLine(record.number, f"{column}: {error}")

    def _instant(self, text: str) -> datetime:
        now = self.clock.now()
        if not text:
            return now
        try:
            instant = datetime.fromisoformat(text.strip())
            # A time without a zone is in UTC.
            instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # OverflowError: the first or the last day of the calendar
            raise _Refused("not a date and time in ISO 8601 format") from None
        if not datetime(1970, 1, 1, tzinfo=UTC) <= instant <= now:
            raise _Refused("before 1970, or in the future")
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class _Refused(Exception):
    """A value is not accepted. The text says why, and never repeats the value, which may be a password."""


def _text(values: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    value = values.get(name, default)
    if value is None:
        raise _Refused("missing")
    if not isinstance(value, str):
        raise _Refused("not a text")
    return value


def _id(value: object) -> str:
    """Returns the id that the user had, so that other systems can still refer to it, or else a new one."""
    if value is None:
        return uuid.uuid4().hex
    text = str(value) if type(value) is int and value.bit_length() < 64 else value
    if not isinstance(text, str) or not _ID.fullmatch(text.strip()):
        raise _Refused("not up to 64 letters, digits, hyphens and underscores")
    return text.strip()


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        return re.split(r"[;,\s]+", value.strip()) if value.strip() else []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _Refused("not a list of names")
    return value


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text not in _TRUE | _FALSE:
        raise _Refused("neither true nor false")
    return text in _TRUE


def _hash(text: str) -> str:
    """Returns the hash in a form that passlib verifies without a warning."""
    text = text.strip()
    found = _BCRYPT.fullmatch(text) or _BCRYPT_SHA256.fullmatch(text)
    if found is None:
        raise _Refused("not a bcrypt hash")
    if int(found.groupdict().get("cost") or found.groupdict()["old_cost"]) not in _COSTS:
        raise _Refused(f"a bcrypt hash whose cost is not {_COSTS[0]} to {_COSTS[-1]}")
    if not text.startswith("$2"):
        return text
    # Only two bits of the salt's last character count. Old PHP code left arbitrary bits in the rest.
    salt_end = _ALPHABET[_ALPHABET.index(text[28]) & 0b110000]
    return f"{text[:28]}{salt_end}{text[29:]}"


def _lowered(message: str) -> str:
    return message[0].lower() + message[1:].rstrip(".")
