"""What ended within an access token's life, in memory: so that verifying a token asks no database.

A revocation in this process holds at once. One made by another process on the same store is picked up by a poll
every second. A process that is cut off from the store may miss what others revoke for one access token's life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import anyio
import structlog

from app.auth.errors import RightsChanged, StoreUnavailable, session_ended
from app.auth.models import Principal, Revocation, RightsChange
from app.auth.ports import Clock, Store
from app.auth.tokens import LEEWAY

POLL_SECONDS: Final = 1.0
#: Each poll looks this far behind the last one: as far as the clocks of two containers may differ while one takes
#: the other's tokens, and a little more for writes that became visible late.
OVERLAP: Final = LEEWAY + timedelta(seconds=10)

log = structlog.get_logger(__name__)


class Revocations:
    """The ids of sessions that were ended, and the latest rights of users whose rights changed.

    Args:
        store: where other processes leave theirs.
        clock: tells the time.
        lifetime: an access token's life; what is older needs no remembering.
    """

    def __init__(self, store: Store, clock: Clock, *, lifetime: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._keep = lifetime + OVERLAP
        self._sessions: dict[str, Revocation] = {}
        self._rights: dict[str, RightsChange] = {}
        self._seen_until: datetime | None = None
        #: The latest that the clock ever told. Where it was set back since, tokens may come from as far ahead.
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._ready = False

    @property
    def is_ready(self) -> bool:
        """Whether the store was read at least once since the start: before that, no token can be judged."""
        return self._ready

    def check(self, principal: Principal) -> None:
        """Returns if the token behind `principal` still counts. Touches no store.

        Raises:
            StoreUnavailable: the list was not loaded yet.
            SessionEnded: the session was ended, for the reason that the error's kind names.
            RightsChanged: the user's rights changed after the token was issued.
        """
        if not self._ready:
            raise StoreUnavailable()
        revocation = self._sessions.get(principal.session_id)
        if revocation is not None:
            raise session_ended(revocation.reason)
        change = self._rights.get(principal.user_id)
        if change is not None and principal.rights_version < change.rights_version:
            raise RightsChanged(principal)

    def add_sessions(self, session_ids: Iterable[str], *, at: datetime, reason: str) -> None:
        """Remembers sessions that this process ended."""
        for session_id in session_ids:
            known = self._sessions.get(session_id)
            counts_from = max(self._reach(at), known.revoked_at if known else at)
            self._sessions[session_id] = Revocation(session_id, counts_from, reason)

    def add_rights(self, user_id: str, rights_version: int, *, at: datetime) -> None:
        """Remembers that tokens of `user_id` older than `rights_version` no longer count."""
        known = self._rights.get(user_id)
        if known is None or known.rights_version < rights_version:
            self._rights[user_id] = RightsChange(user_id, rights_version, self._reach(at))

    async def poll(self) -> None:
        """Reads what happened since the last poll. Raises `StoreUnavailable`."""
        now = self._clock.now()
        since = self._seen_until
        if since is None or now < since:  # after a wrong clock as after a start: what was forgotten may count
            since = now - self._keep
        since -= OVERLAP
        revoked = await self._store.revoked_since(since)
        changed = await self._store.rights_changed_since(since)
        for revocation in revoked:
            self.add_sessions([revocation.session_id], at=revocation.revoked_at, reason=revocation.reason)
        for change in changed:
            self.add_rights(change.user_id, change.rights_version, at=change.changed_at)
        self._seen_until, self._latest = now, max(now, self._latest)
        self._ready = True
        self._forget(now - self._keep)

    async def run(self, may_begin: Callable[[], bool] = lambda: True) -> None:
        """Polls until cancelled; a store that is away is tried again.

        Args:
            may_begin: whether tokens may be judged here. Asked until they are for the first time.
        """
        while True:
            try:
                if self._ready or may_begin():
                    await self.poll()
            except StoreUnavailable:
                pass  # the store tells of its outage itself; what was learned so far still holds
            except Exception:
                log.exception("revocations_poll_failed")
            await anyio.sleep(POLL_SECONDS)

    def _reach(self, at: datetime) -> datetime:
        """The latest instant at which a token that ended at `at` was issued, if the clock was ahead then."""
        return max(at, self._latest)

    def _forget(self, before: datetime) -> None:
        """Drops what every token of has run out by now."""
        for session_id in [id_ for id_, gone in self._sessions.items() if gone.revoked_at < before]:
            del self._sessions[session_id]
        for user_id in [id_ for id_, change in self._rights.items() if change.changed_at < before]:
            del self._rights[user_id]
