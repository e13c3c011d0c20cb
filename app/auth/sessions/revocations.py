"""Remembers what ended within an access token's life, so that verifying a token asks no database.

A revocation in this process holds at once. The store reports one made by another process if it can, and a poll
picks it up every second. A process that is cut off from the store may miss what others revoke, for as long as an
access token lives.
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
#: Each poll looks this far behind the last one. That is as far as the clocks of two containers may differ while
#: one accepts the other's tokens, and a little more for writes that become visible late.
OVERLAP: Final = LEEWAY + timedelta(seconds=10)
#: How many revocations a poll reads and works through before other tasks get their turn. After a hundred thousand
#: logouts it finds that many, and finds them again each second for as long as the polls overlap.
PAGE: Final = 500
#: How many revocations a poll forgets at most.
FORGET_AT_ONCE: Final = 10_000

Change = TypeVar("Change", Revocation, RightsChange)

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Ended:
    """Sessions that ended for one reason and are remembered from one instant on. Grouping halves the memory."""

    reason: str
    counts_from: datetime
    session_ids: list[str] = field(default_factory=list)


class Revocations:
    """Knows the ids of sessions that ended, and the latest rights of users whose rights changed.

    Args:
        store: where other processes leave their revocations.
        clock: tells the time.
        lifetime: how long an access token lives; what is older need not be remembered.
    """

    def __init__(self, store: Store, clock: Clock, *, lifetime: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._keep = lifetime + OVERLAP
        self._sessions: dict[str, _Ended] = {}
        self._ended: dict[tuple[datetime, str], _Ended] = {}
        self._rights: dict[str, RightsChange] = {}
        self._seen_until: datetime | None = None
        #: The latest time that the clock ever told. If it was set back since, tokens may date from up to then.
        self._latest = datetime.min.replace(tzinfo=UTC)
        #: When all sessions were ended at once.
        self._all_ended_at = datetime.min.replace(tzinfo=UTC)
        self._ready = False

    @property
    def is_ready(self) -> bool:
        """Whether the store has been read since the start. Before that, no token can be judged."""
        return self._ready

    @property
    def remembered(self) -> int:
        """How many ended sessions are in memory."""
        return len(self._sessions)

    def check(self, principal: Principal) -> None:
        """Returns if the token behind `principal` still counts. Does not ask the store.

        Raises:
            StoreUnavailable: the list has not been loaded yet.
            SessionEnded: the session has ended; the kind of the error says why.
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
        # Rounded up to the second, so that many sessions share an instant.
        second = at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)
        for session_id in session_ids:
            known = self._sessions.get(session_id)
            # Each poll brings the sessions of the last minute again, and there is nothing to do about those.
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
        if since is None or now < since:  # a clock set back is like a start: what was forgotten may count again
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
        """Polls until it is cancelled. A store that is away is tried again.

        Args:
            may_begin: whether tokens may be judged here. It is asked until the first poll succeeds.
        """
        while True:
            try:
                if self._ready or may_begin():
                    await self.poll()
            except StoreUnavailable:
                pass  # the store logs its own outage, and what was learned so far still holds
            except Exception:
                log.exception("revocations_poll_failed")
            await anyio.sleep(POLL_SECONDS)

    async def listen(self) -> None:
        """Learns at once what the store reports by itself, until it is cancelled.

        Returns if the store is of a kind that reports nothing. Clocks may differ by more than the polls overlap.
        """
        while True:
            try:
                async for change in self._store.endings():
                    self._learn(change)
                return
            except StoreUnavailable:
                pass  # the poll goes on, and the store logs its own outage
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
        """Returns the latest instant at which a token that ended at `at` can have been issued.

        It is later than `at` if the clock was ahead when the token was issued.
        """
        return max(at, self._latest)

    def _forget(self, before: datetime) -> None:
        """Drops sessions and changes of rights that no unexpired token can belong to.

        If there are very many sessions, it drops some of them and leaves the rest to the next polls.
        """
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
    """Yields what `read` returns from `since` on, in parts that begin where the one before ended."""
    limit = PAGE
    while True:
        page = await read(since, limit=limit)
        yield page
        if len(page) < limit:
            return
        last = instant_of(page[-1])
        # If a whole page is of one instant, that instant may have more than fits in a page.
        limit, since = (PAGE, last) if last > since else (2 * limit, since)
