"""Logins as both halves see them: begun by a password, shown by an access token, and renewed for a browser."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.errors import AuthError, InvalidGrant, KeyRetired, TokenInvalid, TokenNotCurrent
from app.auth.factors import Proving
from app.auth.models import SCOPE, SESSIONS_PAGE, WEB_CLIENT, Client, Principal, Session, TokenPair
from app.auth.ports import Store
from app.auth.sessions.endings import Endings, live_session
from app.auth.sessions.entrance import Entrance
from app.auth.sessions.issuing import Issuing
from app.auth.sessions.refreshing import Refreshing
from app.auth.sessions.revocations import Revocations
from app.auth.tokens import AccessTokens, narrowed


@dataclass(frozen=True, kw_only=True, eq=False)
class Sessions:
    """Begins logins and judges their tokens. Every method but `authenticate` may raise `StoreUnavailable`.

    Args:
        config: holds the lifetimes.
        store: keeps the sessions.
        clock: tells the time.
        tokens: verifies access tokens.
        revocations: knows, from memory, what ended.
        proving: checks passwords.
        entrance: makes the sessions.
        issuing: issues the tokens.
        refreshing: knows the refresh tokens.
        endings: ends sessions.
    """

    config: AuthConfig
    store: Store
    clock: Clock
    tokens: AccessTokens
    revocations: Revocations
    proving: Proving
    entrance: Entrance
    issuing: Issuing
    refreshing: Refreshing
    endings: Endings

    def authenticate(self, access_token: str) -> Principal:
        """Returns whom `access_token` was issued to, if it still counts. Does not ask the store.

        Raises:
            NotAuthenticated: it does not count; the kind of the error says why.
            StoreUnavailable: the list of revocations has not been loaded since the start.
        """
        principal = self.tokens.verify(access_token)
        self.revocations.check(principal)
        return principal

    async def log_in(self, email: str, password: str, client: Client, *, scope: str = "") -> TokenPair:
        """Begins a session. A browser's session (`WEB_CLIENT`) gets no refresh token.

        Args:
            email, password: what was typed in.
            client: where the request comes from.
            scope: what the session's tokens may do; everything, if it is empty.

        Raises:
            ScopeInvalid: there is no such scope. This is raised before the password is looked at.
            InvalidCredentials: the login is refused; the error is deliberately the same for every reason.
            TooManyRequests: there were too many wrong passwords, for the account or from this IP address.
            TooBusy: too many hashes are waiting.
        """
        scope = narrowed(SCOPE, scope)
        proven = await self.proving.by_password(email, password, client)
        return await self.entrance.proceed(proven, client, scope=scope)

    async def confirm_password(self, principal: Principal, password: str, client: Client) -> TokenPair:
        """Proves the password again within the session, for acts that require a fresh login.

        Raises:
            WrongPassword, TooManyRequests, TooBusy: it is not the password, or can't be tried now.
            SessionEnded: the session ended meanwhile.
        """
        proven = await self.proving.confirm_password(principal, password, client)
        return await self.entrance.proceed_within(proven, principal, client)

    async def renew(self, principal: Principal) -> TokenPair:
        """Issues a new access token for a browser's session whose last one has expired, if the session is live.

        Raises:
            SessionEnded: the session has ended; the kind of the error says why.
            TokenInvalid: it is not a browser's session.
        """
        if principal.client_id != WEB_CLIENT:
            raise TokenInvalid()
        now = self.clock.now()
        found = await live_session(self.store, principal.session_id, now)
        idle_expires_at = min(now + self.config.idle_lifetime, found.session.expires_at)
        if not await self.store.touch_session(found.session.id, now=now, idle_expires_at=idle_expires_at):
            found = await live_session(self.store, principal.session_id, now)  # raises: it ended in between
        return await self.issuing.pair(found)

    async def of(self, principal: Principal, *, after: str = "", limit: int = SESSIONS_PAGE) -> list[Session]:
        """Returns the caller's live sessions, the most recently used first.

        Args:
            principal: the caller.
            after: the id of the session that comes before these; the first ones if it is empty.
            limit: how many, at most.
        """
        return await self.store.sessions_of(principal.user_id, now=self.clock.now(), after=after, limit=limit)

    async def own(self, principal: Principal) -> Session | None:
        """Returns the caller's own session; None if it has no row, as for a personal access token."""
        found = await self.store.session_with_user(principal.session_id)
        return None if found is None or found.user.id != principal.user_id else found.session

    async def revoke_token(self, token: str, client: Client) -> None:
        """Ends the session of a refresh or access token. Any other text does nothing (RFC 7009 section 2.2)."""
        owner = await self._owner_of(token)
        if owner is not None:
            await self.endings.log_out_by_token(*owner, client)

    async def _owner_of(self, token: str) -> tuple[str, str] | None:
        """Returns the ids of the user and the session that `token` belongs to, or None."""
        try:
            principal = self.tokens.verify(token)
            return principal.user_id, principal.session_id
        except KeyRetired:
            return None  # otherwise a thief of the key could end anybody's session
        except TokenNotCurrent as error:
            return error.principal.user_id, error.principal.session_id
        except AuthError:
            pass
        try:
            found = await self.refreshing.session_of(token)
        except InvalidGrant:
            return None
        return found.user.id, found.session.id
