"""Renews the access tokens of browser sessions: once for a burst of requests that show the same old one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from app.auth.errors import AuthError, TokenNotCurrent
from app.auth.models import Principal, TokenPair
from app.auth.ports import Clock
from app.auth.revocations import Revocations
from app.auth.sessions import Sessions
from app.auth.tokens import LEEWAY


class Renewals:
    """Keeps each renewed token, by session, until it expires; callers at the same moment share one look-up.

    Args:
        sessions: does the renewing.
        revocations: a kept token counts no longer than any other.
        clock: tells the time.
        size: how many tokens are kept at the most.
    """

    def __init__(self, sessions: Sessions, revocations: Revocations, clock: Clock, *, size: int = 10_000) -> None:
        self._sessions = sessions
        self._revocations = revocations
        self._clock = clock
        self._size = size
        self._kept: dict[str, TokenPair] = {}
        self._running: dict[str, asyncio.Task[TokenPair]] = {}

    async def renew(self, stale: Principal) -> TokenPair:
        """A token that counts now, for the session of `stale`. Raises what `Sessions.renew` raises."""
        with suppress(TokenNotCurrent):  # that is what a renewal mends; an ended session is refused at once
            self._revocations.check(stale)
        kept = self._kept.get(stale.session_id)
        if kept is not None and self._counts(kept.principal, stale):
            return kept
        try:
            return await self._join(stale)
        except TokenNotCurrent:  # the rights changed while the store was asked: it knows them now
            return await self._join(stale)

    async def _join(self, stale: Principal) -> TokenPair:
        """The outcome of the look-up that is under way for the session, or of a new one."""
        task = self._running.get(stale.session_id)
        if task is None:
            task = asyncio.create_task(self._sessions.renew(stale))
            self._running[stale.session_id] = task
            task.add_done_callback(lambda done: self._finish(stale.session_id, done))
        # Shielded: the caller that hangs up must not take the others' answer with it.
        renewed = await asyncio.shield(task)
        self._revocations.check(renewed.principal)  # the session may have ended while the store was asked
        return renewed

    def _counts(self, kept: Principal, stale: Principal) -> bool:
        now = self._clock.now()
        # One from the future (the clock stepped back) would outlive what the revocation list remembers.
        if not kept.issued_at - LEEWAY <= now < kept.expires_at or kept.auth_time < stale.auth_time:
            return False
        try:
            self._revocations.check(kept)
        except AuthError:
            return False
        return True

    def _finish(self, session_id: str, task: asyncio.Task[TokenPair]) -> None:
        self._running.pop(session_id, None)
        if task.cancelled() or task.exception() is not None:
            self._kept.pop(session_id, None)
            return
        if len(self._kept) >= self._size:
            del self._kept[next(iter(self._kept))]
        self._kept[session_id] = task.result()
