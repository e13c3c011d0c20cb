"""Removes what nobody needs any more: sessions that ended long ago, and old rows of the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import anyio
import structlog

from app.auth.clock import Clock
from app.auth.errors import StoreUnavailable
from app.auth.models import Bucket, Limit
from app.auth.ports import Store

#: Longer than any access token lives, so that a revocation is never forgotten before what it revoked has expired.
KEEP_SESSIONS: Final = timedelta(days=7)
PAUSE_SECONDS: Final = 3600
_LEASE: Final = timedelta(minutes=55)
#: Decides whose turn it is: of several processes, the first one purges until its lease is over.
TURN: Final = Bucket("upkeep", Limit(free=1, first_wait=_LEASE, longest_wait=_LEASE, window=timedelta(days=1)))

log = structlog.get_logger(__name__)


async def run_upkeep(store: Store, clock: Clock, *, audit_lifetime: timedelta) -> None:
    """Purges once an hour until it is cancelled. One of several processes does so; it does no harm if two do."""
    while True:
        now = clock.now()
        try:
            if await store.hit(TURN, now=now) is None:
                gone = await store.purge(
                    now=now, sessions_before=now - KEEP_SESSIONS, audit_before=now - audit_lifetime
                )
                log.debug("purged", rows=gone)
        except StoreUnavailable:
            pass  # an hour later is early enough
        except Exception:
            log.exception("purge_failed")
        await anyio.sleep(PAUSE_SECONDS)
