"""Logins: begun by a password, kept alive by refreshes and renewals."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from functools import partial

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.errors import (
    AccountDisabled,
    InvalidGrant,
    RefreshReused,
    SessionEnded,
    SessionExpired,
    SessionRevoked,
    TokenInvalid,
    session_ended,
)
from app.auth.extending import ExtraClaims, Signal, SignalKind, Signals
from app.auth.factors import Proving
from app.auth.letters import Letters
from app.auth.limits import Throttle, arrival
from app.auth.models import (
    SCOPE,
    WEB_CLIENT,
    Client,
    LetterKind,
    Principal,
    Session,
    TokenPair,
    User,
)
from app.auth.ports import Along, Store
from app.auth.sessions.endings import SessionEndings
from app.auth.sessions.refresh_rules import RefreshRules
from app.auth.sessions.revocations import Revocations
from app.auth.tokens import AccessTokens, RefreshToken, RefreshTokens, narrowed


class Sessions(SessionEndings):
    """Begins, continues and ends logins. Every method may raise `StoreUnavailable`.

    Args:
        config: the lifetimes.
        store: keeps the sessions.
        clock: tells the time.
        tokens: issues and verifies access tokens.
        refresh_tokens: derives and checks refresh tokens.
        revocations: what ended, in memory.
        proving: checks passwords.
        letters: has mails sent.
        throttle: limits guesses at refresh tokens.
        signals: tells the team's code.
        extra_claims: what the team's code adds to access tokens.
        audit: is told of everything.
    """

    def __init__(
        self,
        config: AuthConfig,
        *,
        store: Store,
        clock: Clock,
        tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        revocations: Revocations,
        proving: Proving,
        letters: Letters,
        throttle: Throttle,
        signals: Signals,
        extra_claims: ExtraClaims,
        audit: Audit,
    ) -> None:
        super().__init__(
            store=store,
            clock=clock,
            tokens=tokens,
            refresh_tokens=refresh_tokens,
            revocations=revocations,
            signals=signals,
            audit=audit,
        )
        self._config = config
        self._rules = RefreshRules(config, refresh_tokens)
        #: How many refresh tokens were exchanged in this process, for the first time and again within the grace.
        self.refreshes: Counter[str] = Counter()
        self._proving = proving
        self._letters = letters
        self._throttle = throttle
        self._extra_claims = extra_claims

    def authenticate(self, access_token: str) -> Principal:
        """Whom `access_token` was issued to, if it still counts. Asks no store.

        Raises:
            NotAuthenticated: it does not count; the kind says why.
            StoreUnavailable: the revocation list was not loaded since the start.
        """
        principal = self._tokens.verify(access_token)
        self._revocations.check(principal)
        return principal

    # beginning

    async def log_in(self, email: str, password: str, client: Client, *, scope: str = "") -> TokenPair:
        """Begins a session. A browser's (`WEB_CLIENT`) gets no refresh token.

        Args:
            email, password: what was typed in.
            client: where from.
            scope: what its tokens shall be allowed; everything, if empty.

        Raises:
            ScopeInvalid: there is no such scope. Said before the password is looked at.
            InvalidCredentials: deliberately the same for every reason.
            TooManyRequests: there were too many wrong passwords, for the account or from this address.
            TooBusy: too many hashes are waiting.
        """
        scope = narrowed(SCOPE, scope)
        found, guess = await self._proving.authenticate(email, password, client)
        user, session = found.user, self._new_session(found.user, client, scope)
        event = self._audit.event("login", client=client, user_id=user.id, session_id=session.id)
        device_key, new_id = arrival(client, found)
        along = Along(event, device_key, guess.wiped, guess.taken_back)
        added = await self._store.add_session(session, password_hash=user.password_hash, along=along)
        if added is None:
            # The password was changed, or the account disabled, while the old password was being verified.
            await self._audit.record("login_failed", client=client, user_id=user.id, detail="account_changed")
            raise self._proving.invalid_credentials()
        self._audit.tell(event)
        if added.is_new_device and found.has_devices:
            await self._write_of_news(user, session)
        await self._signals.send(
            Signal(SignalKind.LOGGED_IN, user.id, session.created_at, client, user=user, session_id=session.id)
        )
        return replace(await self._token_pair(user, session), device=new_id)

    async def _write_of_news(self, user: User, session: Session) -> None:
        await self._letters.post(
            LetterKind.NEW_DEVICE,
            user.email,
            user_id=user.id,
            user_agent=session.user_agent,
            ip=session.ip,
            at=session.created_at.isoformat(timespec="seconds"),
        )

    def _new_session(self, user: User, client: Client, scope: str) -> Session:
        now = self._clock.now()
        last = now + self._config.absolute_lifetime
        return Session(
            id=secrets.token_urlsafe(16),
            user_id=user.id,
            client_id=client.id,
            created_at=now,
            auth_time=now,
            last_used_at=now,
            idle_expires_at=min(now + self._config.idle_lifetime, last),
            expires_at=last,
            nonce=secrets.token_urlsafe(12),
            ip=client.ip,
            user_agent=client.user_agent,
            scope=scope,
        )

    async def _token_pair(self, user: User, session: Session, generation: int = 1, scope: str = "") -> TokenPair:
        """`scope` is the access token's alone: the refresh token keeps the session's (RFC 6749 section 6)."""
        extra = await self._extra_claims.of(user)
        narrow = replace(session, scope=scope) if scope else session
        access_token, principal = self._tokens.issue(user, narrow, extra)
        is_browser = session.client_id == WEB_CLIENT
        refresh_token = None if is_browser else self._refresh_tokens.derive(session, generation)
        return TokenPair(access_token, refresh_token, principal)

    async def confirm_password(self, principal: Principal, password: str, client: Client) -> TokenPair:
        """Proves the password again within the session, for acts that want a fresh login.

        Raises:
            WrongPassword, TooManyRequests, TooBusy: it is not the password, or can't be tried now.
            SessionEnded: the session ended meanwhile.
        """
        user = await self._proving.confirm_password(principal, password, client)
        if not await self._store.set_auth_time(principal.session_id, now=self._clock.now()):
            raise SessionRevoked()
        session, user = await self._live_session(principal.session_id)
        await self._audit.record("reauthenticated", client=client, user_id=user.id, session_id=session.id)
        return await self._token_pair(user, session, session.generation)

    # continuing

    async def refresh(self, refresh_token: str, client: Client, *, scope: str = "") -> TokenPair:
        """Exchanges a refresh token for its successor and a new access token (RFC 9700 section 4.14.2).

        The immediate parent of the current token yields the same successor within the grace, so that two callers
        at once, or one whose answer got lost, do no harm. Anything older was stolen or copied: the session ends.

        Args:
            refresh_token: what was shown.
            client: where from.
            scope: what the new access token shall be allowed; as much as the session, if empty.

        Raises:
            InvalidGrant: the token does not count, or no longer.
            ScopeInvalid: the session has less than was asked for. Nothing has changed.
            TooManyRequests: instead, where too many that did not count came from this address.
        """
        try:
            return await self._refresh(self._refresh_tokens.decode(refresh_token), client, scope)
        except InvalidGrant:
            await self._throttle.token(client.ip)
            raise

    async def _refresh(self, token: RefreshToken, client: Client, scope: str) -> TokenPair:
        while True:
            now = self._clock.now()
            judge = partial(self._rules.judge, token, now, scope)
            judged = await self._store.judge_session(token.session_id, judge)
            if judged is None:
                raise InvalidGrant()
            session, user = judged.session, judged.user
            if not self._rules.may_refresh(session, user, now):
                await self._audit.record(
                    "refresh_refused", client=client, user_id=user.id, session_id=session.id,
                    detail=self._why_ended(session, user).code,
                )  # fmt: skip
                raise InvalidGrant()
            if not self._rules.counts(token, session, now):
                await self._end_for_reuse(session, client)
                raise InvalidGrant()
            less = narrowed(session.scope, scope)
            if token.generation != session.generation:
                self.refreshes["repeated"] += 1
                return await self._token_pair(user, session, session.generation, less)
            if judged.is_rotated:
                self.refreshes["rotated"] += 1
                return await self._token_pair(user, session, session.generation + 1, less)
            # Somebody was faster: with the same token, or with a log-out. The next look at the store tells.

    async def holder(self, refresh_token: str) -> tuple[Session, User]:
        """The session that a refresh token would continue now, and its user. Changes nothing, whatever it is.

        Raises:
            InvalidGrant: the token does not count, or no longer.
        """
        token = self._refresh_tokens.decode(refresh_token)
        session, user = await self._genuine(token)
        now = self._clock.now()
        if not self._rules.may_refresh(session, user, now) or not self._rules.counts(token, session, now):
            raise InvalidGrant()
        return session, user

    async def _end_for_reuse(self, session: Session, client: Client) -> None:
        await self._revoke(session.id, RefreshReused.code)
        await self._audit.record(RefreshReused.code, client=client, user_id=session.user_id, session_id=session.id)

    async def renew(self, principal: Principal) -> TokenPair:
        """A new access token for a browser's session whose own has run out, if the session still lives.

        Raises:
            SessionEnded: it does not; the kind says why.
            TokenInvalid: it is not a browser's session.
        """
        if principal.client_id != WEB_CLIENT:
            raise TokenInvalid()
        session, user = await self._live_session(principal.session_id)
        now = self._clock.now()
        idle_expires_at = min(now + self._config.idle_lifetime, session.expires_at)
        if not await self._store.touch_session(session.id, now=now, idle_expires_at=idle_expires_at):
            session, user = await self._live_session(principal.session_id)  # raises: it ended in between
        return await self._token_pair(user, session)

    async def _live_session(self, session_id: str) -> tuple[Session, User]:
        found = await self._store.session_with_user(session_id)
        if found is None:
            raise SessionExpired()
        session, user = found
        if not user.is_active or not session.is_live(self._clock.now()):
            raise self._why_ended(session, user)
        return session, user

    def _why_ended(self, session: Session, user: User) -> SessionEnded:
        if session.revoked_at is not None:
            return session_ended(session.revoked_reason)
        return SessionExpired() if user.is_active else AccountDisabled()
