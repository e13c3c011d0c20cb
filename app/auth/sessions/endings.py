"""How logins end: by their owner, on one device or on all others, and by whoever holds one of their tokens."""

from __future__ import annotations

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import (
    AuthError,
    InvalidGrant,
    KeyRetired,
    LoggedOut,
    NotFound,
    SessionRevoked,
    TokenNotCurrent,
)
from app.auth.extending import Signal, SignalKind, Signals
from app.auth.models import Client, Principal, Session, User
from app.auth.ports import Store
from app.auth.sessions.revocations import Revocations
from app.auth.tokens import AccessTokens, RefreshToken, RefreshTokens


class SessionEndings:
    """Ends logins. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the sessions.
        clock: tells the time.
        tokens: verifies access tokens.
        refresh_tokens: checks refresh tokens.
        revocations: is told what ended.
        signals: tells the team's code.
        audit: is told of everything.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        revocations: Revocations,
        signals: Signals,
        audit: Audit,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens
        self._revocations = revocations
        self._signals = signals
        self._audit = audit

    async def log_out(self, principal: Principal, client: Client) -> None:
        """Ends the caller's own session."""
        await self._revoke(principal.session_id, LoggedOut.code)
        await self._audit.record(
            "logout", client=client, user_id=principal.user_id, session_id=principal.session_id
        )
        await self._tell(principal.user_id, principal.session_id, client)

    async def revoke_token(self, token: str, client: Client) -> None:
        """Ends the session of a refresh or access token; any other text does nothing (RFC 7009 section 2.2)."""
        found = await self._session_of(token)
        if found is None:
            return
        user_id, session_id = found
        if await self._revoke(session_id, LoggedOut.code):
            await self._audit.record("token_revoked", client=client, user_id=user_id, session_id=session_id)
            await self._tell(user_id, session_id, client)

    async def _session_of(self, token: str) -> tuple[str, str] | None:
        """Whose session `token` belongs to, and which."""
        try:
            principal = self._tokens.verify(token)
            return principal.user_id, principal.session_id
        except KeyRetired:
            return None  # whoever has stolen the key would end anybody's session
        except TokenNotCurrent as error:
            return error.principal.user_id, error.principal.session_id
        except AuthError:
            pass
        try:
            session, _ = await self._genuine(self._refresh_tokens.decode(token))
        except InvalidGrant:
            return None
        return session.user_id, session.id

    async def _genuine(self, token: RefreshToken) -> tuple[Session, User]:
        """The session of a token that this deployment derived, and its user. Raises `InvalidGrant`."""
        found = await self._store.session_with_user(token.session_id)
        # Genuine first: else anybody who knows a session's id could end it by a forged old token.
        if found is None or not self._refresh_tokens.is_genuine(token, found[0]):
            raise InvalidGrant()
        return found

    async def _tell(self, user_id: str, session_id: str, client: Client) -> None:
        now = self._clock.now()
        await self._signals.send(Signal(SignalKind.LOGGED_OUT, user_id, now, client, session_id=session_id))

    async def end(self, principal: Principal, session_id: str, client: Client) -> None:
        """Ends one of the caller's sessions. Raises `NotFound` if it is not one of theirs, or has ended."""
        found = await self._store.session_with_user(session_id)
        if found is None or found[0].user_id != principal.user_id:
            raise NotFound()
        if not await self._revoke(session_id, SessionRevoked.code):
            raise NotFound()
        await self._audit.record(
            SessionRevoked.code, client=client, user_id=principal.user_id, session_id=session_id
        )

    async def end_others(self, principal: Principal, client: Client) -> int:
        """Ends all of the caller's sessions but this one; how many."""
        now = self._clock.now()
        ended = await self._store.revoke_user_sessions(
            principal.user_id, at=now, reason=SessionRevoked.code, keep=principal.session_id
        )
        self._revocations.add_sessions(ended, at=now, reason=SessionRevoked.code)
        await self._audit.record(
            "other_sessions_revoked", client=client, user_id=principal.user_id, session_id=principal.session_id
        )
        return len(ended)

    async def of(self, principal: Principal) -> list[Session]:
        """The caller's live sessions, the latest used first."""
        return await self._store.sessions_of(principal.user_id, now=self._clock.now())

    async def _revoke(self, session_id: str, reason: str) -> bool:
        now = self._clock.now()
        did = await self._store.revoke_session(session_id, at=now, reason=reason)
        self._revocations.add_sessions([session_id], at=now, reason=reason)
        return did
