"""The key pairs and the running processes of the SQLite store."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.auth.models import Instance, SigningKey
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.rows import column_list, columns_of, marks, values_of
from app.store.values import text, to_millis

_KEYS: Final = columns_of(SigningKey)
_INSTANCES: Final = columns_of(Instance)
_ADD_KEY: Final = (
    f"INSERT INTO signing_keys ({column_list(_KEYS)}) VALUES ({marks(_KEYS)})"  # noqa: S608
    " ON CONFLICT (algorithm, previous) DO NOTHING RETURNING id"
)
_ANNOUNCE: Final = f"INSERT OR REPLACE INTO instances ({column_list(_INSTANCES)}) VALUES ({marks(_INSTANCES)})"  # noqa: S608


class SqliteSigningKeys(SqlitePart):
    """Key pairs. Those of an algorithm form a chain, in which every key has at most one successor."""

    async def add_signing_key(self, key: SigningKey) -> bool:
        return bool(await self._db.write(_ADD_KEY, values_of(key)))

    async def signing_keys(self) -> list[SigningKey]:
        return await self._all(
            SigningKey,
            f"SELECT {column_list(_KEYS)} FROM signing_keys ORDER BY created_at, id",  # noqa: S608
        )

    async def set_sealed(self, key_id: str, sealed: str, *, expected: str) -> bool:
        return bool(
            await self._db.write(
                "UPDATE signing_keys SET sealed = ? WHERE id = ? AND sealed = ? RETURNING id",
                [text(sealed), text(key_id), text(expected)],
            )
        )

    async def retire_signing_key(self, key_id: str, *, at: datetime) -> bool:
        return bool(
            await self._db.write(
                "UPDATE signing_keys SET retired_at = ?1"
                " WHERE id = ?2 AND (retired_at IS NULL OR retired_at > ?1) RETURNING id",
                [to_millis(at), text(key_id)],
            )
        )

    async def remove_signing_key(self, key_id: str) -> bool:
        return bool(await self._db.write("DELETE FROM signing_keys WHERE id = ? RETURNING id", [text(key_id)]))


class SqliteInstances(SqlitePart):
    """The running processes of this machine."""

    async def announce(self, instance: Instance) -> None:
        await self._db.write(_ANNOUNCE, values_of(instance))

    async def instances(self) -> list[Instance]:
        return await self._all(
            Instance,
            f"SELECT {column_list(_INSTANCES)} FROM instances ORDER BY started_at, id",  # noqa: S608
        )

    async def withdraw(self, instance_id: str) -> None:
        await self._db.write("DELETE FROM instances WHERE id = ?", [text(instance_id)])
