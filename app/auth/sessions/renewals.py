"""Renews the access tokens of browser sessions, once for a burst of requests that show the same old token."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from app.auth.errors import AuthError, TokenNotCurrent
from app.auth.memory import keep
from app.auth.models import Principal, TokenPair
from app.auth.sessions.revocations import Revocations
from app.auth.sessions.sessions import Sessions


class Renewals:
    """Keeps the renewed token of each session until it expires. Simultaneous callers share one look-up.

    Args:
        sessions: renews tokens, and tells whether a kept one still counts.
        revocations: ends a kept token like any other.
        size: the greatest number of tokens that are kept.
    """

    def __init__(self, sessions: Sessions, revocations: Revocations, *, size: int = 10_000) -> None:
        self._sessions = sessions
        self._revocations = revocations
        self._size = size
        self._kept: dict[str, TokenPair] = {}
        self._running: dict[str, asyncio.Task[TokenPair]] = {}

    async def renew(self, stale: Principal) -> TokenPair:
        """Returns a token that counts now, for the session of `stale`. Raises what `Sessions.renew` raises."""
        with suppress(TokenNotCurrent):  # renewing puts this right; an ended session is refused at once
            self._revocations.check(stale)
        kept = self._kept.get(stale.session_id)
        if kept is not None and self._counts(kept, stale):
            return kept
        try:
            return await self._join(stale)
        except TokenNotCurrent:  # the rights changed while the store was asked, which knows the new ones now
            return await self._join(stale)

    async def _join(self, stale: Principal) -> TokenPair:
        """Returns the outcome of the look-up that is under way for the session, or of a new one."""
        task = self._running.get(stale.session_id)
        if task is None:
            task = asyncio.create_task(self._sessions.renew(stale))
            self._running[stale.session_id] = task
            task.add_done_callback(lambda done: self._finish(stale.session_id, done))
        # Shielded, because a caller that hangs up must not take the others' answer away.
        renewed = await asyncio.shield(task)
        self._revocations.check(renewed.principal)  # the session may have ended while the store was asked
        return renewed

    def _counts(self, kept: TokenPair, stale: Principal) -> bool:
        if kept.principal.auth_time < stale.auth_time:
            return False
        try:
            self._sessions.authenticate(kept.access_token)  # its key may have been retired
        except AuthError:
            return False
        return True

    def _finish(self, session_id: str, task: asyncio.Task[TokenPair]) -> None:
        self._running.pop(session_id, None)
        if task.cancelled() or task.exception() is not None:
            self._kept.pop(session_id, None)
            return
        keep(self._kept, session_id, task.result(), most=self._size)
