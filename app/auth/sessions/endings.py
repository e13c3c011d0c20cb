"""Ends logins: by their owner, on one device or on all the others, by an admin, or by a new password."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import (
    AccountDisabled,
    LoggedOut,
    NotFound,
    PasswordChanged,
    SessionEnded,
    SessionExpired,
    SessionRevoked,
    session_ended,
)
from app.auth.extending import Signal, SignalKind, Signals
from app.auth.models import Client, Principal, SessionOfUser
from app.auth.ports import Store
from app.auth.sessions.revocations import Revocations


@dataclass(frozen=True, kw_only=True, eq=False)
class Endings:
    """Ends logins. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the sessions.
        clock: tells the time.
        revocations: is told what ended.
        signals: tells the team's code.
        audit: is told of everything.
    """

    store: Store
    clock: Clock
    revocations: Revocations
    signals: Signals
    audit: Audit

    async def log_out(self, principal: Principal, client: Client) -> None:
        """Ends the caller's own session."""
        await self.end_one(principal.session_id, LoggedOut.code)
        await self._tell_of_log_out("logout", principal.user_id, principal.session_id, client)

    async def log_out_by_token(self, user_id: str, session_id: str, client: Client) -> None:
        """Ends the session of a token that was given up (RFC 7009). Does nothing if the session has ended."""
        if await self.end_one(session_id, LoggedOut.code):
            await self._tell_of_log_out("token_revoked", user_id, session_id, client)

    async def _tell_of_log_out(self, event: str, user_id: str, session_id: str, client: Client) -> None:
        await self.audit.record(event, client=client, user_id=user_id, session_id=session_id)
        now = self.clock.now()
        await self.signals.send(Signal(SignalKind.LOGGED_OUT, user_id, now, client, session_id=session_id))

    async def end(self, principal: Principal, session_id: str, client: Client) -> None:
        """Ends one of the caller's sessions. Raises `NotFound` if it is not one of theirs, or has ended."""
        found = await self.store.session_with_user(session_id)
        if found is None or found.user.id != principal.user_id:
            raise NotFound()
        if not await self.end_one(session_id, SessionRevoked.code):
            raise NotFound()
        await self.audit.record(
            SessionRevoked.code, client=client, user_id=principal.user_id, session_id=session_id
        )

    async def end_others(self, principal: Principal, client: Client) -> int:
        """Ends all of the caller's sessions but this one. Returns how many; if it is none, nothing happened."""
        ended = await self.end_all(principal.user_id, SessionRevoked.code, keep=principal.session_id)
        if not ended:
            return 0
        await self.audit.record(
            "other_sessions_revoked", client=client, user_id=principal.user_id, session_id=principal.session_id
        )
        return ended

    async def end_one(self, session_id: str, reason: str) -> bool:
        """Ends a session, for a reason that is a code of `errors`. Returns False if it had already ended."""
        now = self.clock.now()
        did = await self.store.revoke_session(session_id, at=now, reason=reason)
        self.note([session_id], at=now, reason=reason)
        return did

    async def end_all(self, user_id: str, reason: str, *, keep: str | None = None) -> int:
        """Ends all of a user's sessions but `keep`, for a reason that is a code of `errors`. Returns how many."""
        now = self.clock.now()
        ended = await self.store.revoke_user_sessions(user_id, at=now, reason=reason, keep=keep)
        self.note(ended, at=now, reason=reason)
        return len(ended)

    def note(self, session_ids: Iterable[str], *, at: datetime, reason: str) -> None:
        """Has the access tokens of these sessions refused from now on.

        For sessions that the store has already ended, as part of another step.
        """
        self.revocations.add_sessions(session_ids, at=at, reason=reason)


async def live_session(store: Store, session_id: str, now: datetime) -> SessionOfUser:
    """Returns the session and its user.

    Raises:
        SessionEnded: the session is not live at `now`; the kind of the error says why.
    """
    found = await store.session_with_user(session_id)
    if found is None:
        raise SessionExpired()
    if not found.is_live(now):
        raise why_ended(found)
    return found


def why_ended(found: SessionOfUser) -> SessionEnded:
    """Returns why a session that is no longer live has ended."""
    if found.session.revoked_at is not None:
        return session_ended(found.session.revoked_reason)
    if not found.user.is_active:
        return AccountDisabled()
    if found.session.credentials_version != found.user.credentials_version:
        return PasswordChanged()
    return SessionExpired()
