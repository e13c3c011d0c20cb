"""Removes what the SQLite store no longer has to keep."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from app.store.sqlite.base import SqlitePart
from app.store.values import KEEP_DEVICES, KEEP_INSTANCES, to_millis

#: How many rows one statement of `purge` removes at most, so that nobody waits long for the writer.
PURGE_BATCH: Final = 500
#: How long one `purge` goes on, in seconds.
PURGE_TIME: Final = 2.0

_SESSIONS: Final = (
    "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions"
    " WHERE revoked_at < ?1 OR min(idle_expires_at, expires_at) < ?1 LIMIT ?2) RETURNING 1"
)
_AUDIT: Final = (
    "DELETE FROM audit_events WHERE seq IN (SELECT seq FROM audit_events WHERE at < ?1 LIMIT ?2) RETURNING 1"
)
_LINKS: Final = (
    "DELETE FROM links WHERE rowid IN (SELECT rowid FROM links WHERE expires_at < ?1 LIMIT ?2) RETURNING 1"
)
_TOKENS: Final = (
    "DELETE FROM personal_tokens WHERE rowid IN"
    " (SELECT rowid FROM personal_tokens WHERE expires_at < ?1 LIMIT ?2) RETURNING 1"
)
# These tables have no rowid.
_HITS: Final = "DELETE FROM hits WHERE key IN (SELECT key FROM hits WHERE expires_at < ?1 LIMIT ?2) RETURNING 1"
_DEVICES: Final = (
    "DELETE FROM devices WHERE (user_id, key) IN"
    " (SELECT user_id, key FROM devices WHERE seen_at < ?1 LIMIT ?2) RETURNING 1"
)
_INSTANCES: Final = (
    "DELETE FROM instances WHERE rowid IN (SELECT rowid FROM instances WHERE seen_at < ?1 LIMIT ?2) RETURNING 1"
)


class SqliteUpkeep(SqlitePart):
    """Removes what is old, a batch at a time."""

    async def purge(self, *, now: datetime, sessions_before: datetime, audit_before: datetime) -> int:
        return await self._purge(
            (_SESSIONS, sessions_before),
            (_LINKS, now),
            (_HITS, now),
            (_TOKENS, now),
            (_DEVICES, now - KEEP_DEVICES),
            (_INSTANCES, now - KEEP_INSTANCES),
            (_AUDIT, audit_before),
        )

    async def _purge(self, *statements: tuple[str, datetime]) -> int:
        clock = asyncio.get_running_loop().time
        deadline, gone = clock() + PURGE_TIME, 0
        for sql, before in statements:
            batch = PURGE_BATCH
            while batch == PURGE_BATCH and clock() < deadline:
                batch = len(await self._db.write(sql, [to_millis(before), PURGE_BATCH]))
                gone += batch
        return gone
