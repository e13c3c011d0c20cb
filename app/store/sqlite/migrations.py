"""Brings a SQLite file up to the newest schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import aiosqlite

from app.auth.models import ADMIN
from app.store.search import name_keys
from app.store.sqlite.schema import MIGRATIONS, VERSION


def _name_key(name: str) -> str | None:
    return name_keys(name)[0] or None


def _last_name_key(name: str) -> str | None:
    return name_keys(name)[1] or None


def _has_admin_role(roles: str) -> int:
    return int(ADMIN in json.loads(roles))


#: Functions that migrations may call, since SQL can't fold a name. Each takes one column.
FUNCTIONS: Final[Mapping[str, Callable[[str], str | int | None]]] = {
    "name_key_of": _name_key,
    "last_name_key_of": _last_name_key,
    "has_admin_role": _has_admin_role,
}


async def migrate(connection: aiosqlite.Connection) -> None:
    """Runs the migrations that the file lacks: all of them, or none."""
    try:
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        [version] = next(iter(await connection.execute_fetchall("PRAGMA user_version")))
        if version < VERSION:
            for name, function in FUNCTIONS.items():
                await connection.create_function(name, 1, function, deterministic=True)
        for statements in MIGRATIONS[version:]:
            for sql in statements:
                await connection.execute_fetchall(sql)
        # Written even if nothing changed: a real write reveals a full disk or a read-only file.
        await connection.execute_fetchall(f"PRAGMA user_version = {max(version, VERSION)}")
        await connection.execute_fetchall("COMMIT")
    except BaseException:
        with suppress(aiosqlite.Error):
            await connection.execute_fetchall("ROLLBACK")
        raise
