"""What ended within an access token's life, in memory: so that verifying a token asks no database.

A revocation in this process holds at once. One made by another process is told by the store, where it can, and
picked up by a poll every second. A process that is cut off from the store may miss what others revoke for one
access token's life.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import anyio
import structlog

from app.auth.clock import LEEWAY, Clock
from app.auth.errors import RightsChanged, SessionRevoked, StoreUnavailable, session_ended
from app.auth.models import ALL_SESSIONS, Principal, Revocation, RightsChange
from app.auth.ports import Store

POLL_SECONDS: Final = 1.0
#: Each poll looks this far behind the last one: as far as the clocks of two containers may differ while one takes
#: the other's tokens, and a little more for writes that became visible late.
OVERLAP: Final = LEEWAY + timedelta(seconds=10)
#: How many a poll reads, and works through, before other tasks get their turn: after a hundred thousand log-outs
#: it finds as many, and again each second for as long as the polls overlap.
PAGE: Final = 500
#: How many it forgets.
FORGET_AT_ONCE: Final = 10_000

Change = TypeVar("Change", Revocation, RightsChange)

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Ended:
    """Sessions that ended for one reason, remembered from one instant on. Together they take half the memory."""

    reason: str
    counts_from: datetime
    session_ids: list[str] = field(default_factory=list)


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
        self._sessions: dict[str, _Ended] = {}
        self._ended: dict[tuple[datetime, str], _Ended] = {}
        self._rights: dict[str, RightsChange] = {}
        self._seen_until: datetime | None = None
        #: The latest that the clock ever told. Where it was set back since, tokens may come from as far ahead.
        self._latest = datetime.min.replace(tzinfo=UTC)
        #: When everything ended at once.
        self._all_ended_at = datetime.min.replace(tzinfo=UTC)
        self._ready = False

    @property
    def is_ready(self) -> bool:
        """Whether the store was read at least once since the start: before that, no token can be judged."""
        return self._ready

    @property
    def remembered(self) -> int:
        """How many sessions that ended are in memory."""
        return len(self._sessions)

    def check(self, principal: Principal) -> None:
        """Returns if the token behind `principal` still counts. Touches no store.

        Raises:
            StoreUnavailable: the list was not loaded yet.
            SessionEnded: the session was ended, for the reason that the error's kind names.
            RightsChanged: the user's rights changed after the token was issued.
        """
        if not self._ready:
            raise StoreUnavailable()
        ended = self._sessions.get(principal.session_id)
        if ended is not None:
            raise session_ended(ended.reason)
        if principal.issued_at < self._all_ended_at:
            raise SessionRevoked()
        change = self._rights.get(principal.user_id)
        if change is not None and principal.rights_version < change.rights_version:
            raise RightsChanged(principal)

    def add_sessions(self, session_ids: Iterable[str], *, at: datetime, reason: str) -> None:
        """Remembers sessions that this process ended."""
        # To the second, rounded up: so that many are of the same one.
        second = at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)
        for session_id in session_ids:
            known = self._sessions.get(session_id)
            # Each poll brings those of the last minute again: there is nothing to do about these.
            if known is None or known.counts_from < second or known.reason != reason:
                counts_from = max(self._reach(second), known.counts_from if known else second)
                ended = self._ended.get((counts_from, reason))
                if ended is None:
                    ended = self._ended[counts_from, reason] = _Ended(reason, counts_from)
                ended.session_ids.append(session_id)
                self._sessions[session_id] = ended

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
        async for revoked in _pages(self._store.revoked_since, since, lambda each: each.revoked_at):
            for revocation in revoked:
                self._learn(revocation)
        async for changed in _pages(self._store.rights_changed_since, since, lambda each: each.changed_at):
            for change in changed:
                self._learn(change)
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

    async def listen(self) -> None:
        """Learns at once what the store tells by itself, until it is cancelled, or the store is none that does.

        This holds even if clocks differ by more than what the polls overlap.
        """
        while True:
            try:
                async for change in self._store.endings():
                    self._learn(change)
                return
            except StoreUnavailable:
                pass  # the poll goes on, and the store tells of its outage itself
            except Exception:
                log.exception("revocations_listen_failed")
            await anyio.sleep(POLL_SECONDS)

    def _learn(self, change: Revocation | RightsChange) -> None:
        if not isinstance(change, Revocation):
            self.add_rights(change.user_id, change.rights_version, at=change.changed_at)
        elif change.session_id == ALL_SESSIONS:
            self._all_ended_at = max(self._all_ended_at, change.revoked_at)
        else:
            self.add_sessions([change.session_id], at=change.revoked_at, reason=change.reason)

    def _reach(self, at: datetime) -> datetime:
        """The latest instant at which a token that ended at `at` was issued, if the clock was ahead then."""
        return max(at, self._latest)

    def _forget(self, before: datetime) -> None:
        """Drops what every token of has run out by now; of very many a part, and the rest with the next polls."""
        left = FORGET_AT_ONCE
        for ended in [ended for ended in self._ended.values() if ended.counts_from < before]:
            gone = ended.session_ids[-left:]
            del ended.session_ids[-left:]
            for session_id in gone:
                if self._sessions.get(session_id) is ended:
                    del self._sessions[session_id]
            if not ended.session_ids:
                del self._ended[ended.counts_from, ended.reason]
            left -= len(gone)
            if left <= 0:
                break
        for user_id in [id_ for id_, change in self._rights.items() if change.changed_at < before]:
            del self._rights[user_id]


async def _pages(
    read: Callable[..., Awaitable[list[Change]]], since: datetime, instant_of: Callable[[Change], datetime]
) -> AsyncIterator[Sequence[Change]]:
    """What `read` tells from `since` on, in parts that begin where the one before ended."""
    limit = PAGE
    while True:
        page = await read(since, limit=limit)
        yield page
        if len(page) < limit:
            return
        last = instant_of(page[-1])
        # All of one instant: there may be more of it than that.
        limit, since = (PAGE, last) if last > since else (2 * limit, since)
