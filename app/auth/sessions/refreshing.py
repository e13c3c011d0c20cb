"""Keeps a program's login going: exchanges a refresh token for its successor, and notices a stolen one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import InvalidGrant, RefreshReused
from app.auth.limits import Throttle
from app.auth.models import Client, SessionOfUser, TokenPair
from app.auth.ports import Store
from app.auth.sessions.endings import Endings, why_ended
from app.auth.sessions.issuing import Issuing
from app.auth.sessions.refresh_rules import RefreshRules
from app.auth.tokens import RefreshToken, RefreshTokens, narrowed


@dataclass(frozen=True, kw_only=True, eq=False)
class Refreshing:
    """Exchanges refresh tokens. Every method may raise `StoreUnavailable`.

    Args:
        rules: tell what a refresh token may do.
        store: keeps the sessions.
        clock: tells the time.
        refresh_tokens: knows the genuine ones.
        issuing: issues the tokens.
        endings: end the session of a token that was used twice.
        throttle: limits guesses.
        audit: is told of everything.

    Attributes:
        counts: how many tokens this process exchanged, for the first time (`rotated`) and again within the grace
            (`repeated`).
    """

    rules: RefreshRules
    store: Store
    clock: Clock
    refresh_tokens: RefreshTokens
    issuing: Issuing
    endings: Endings
    throttle: Throttle
    audit: Audit
    counts: Counter[str] = field(init=False, default_factory=Counter)

    async def refresh(self, refresh_token: str, client: Client, *, scope: str = "") -> TokenPair:
        """Exchanges a refresh token for its successor and a new access token (RFC 9700 section 4.14.2).

        The immediate parent of the current token yields the same successor within the grace, so that two callers
        at once, or one whose answer got lost, do no harm. Anything older was stolen or copied: the session ends.

        Args:
            refresh_token: what was shown.
            client: where the request comes from.
            scope: what the new access token may do; as much as the session, if it is empty.

        Raises:
            InvalidGrant: the token does not count, or no longer.
            ScopeInvalid: the session's scope is narrower than what was asked for. Nothing has changed.
            TooManyRequests: raised in place of `InvalidGrant` if too many such tokens came from this IP address.
        """
        try:
            return await self._refresh(self.refresh_tokens.decode(refresh_token), client, scope)
        except InvalidGrant:
            await self.throttle.token(client.ip)
            raise

    async def _refresh(self, token: RefreshToken, client: Client, scope: str) -> TokenPair:
        while True:
            now = self.clock.now()
            judged = await self.store.judge_session(token.session_id, partial(self.rules.judge, token, now, scope))
            if judged is None:
                raise InvalidGrant()
            found = judged.found
            if not self.rules.may_refresh(found, now):
                await self._refuse(found, client)
            if not self.rules.counts(token, found.session, now):
                await self._end_for_reuse(found, client)
            less, generation = narrowed(found.session.scope, scope), found.session.generation
            if token.generation != generation:
                self.counts["repeated"] += 1
                return await self.issuing.pair(found, generation=generation, scope=less)
            if judged.is_rotated:
                self.counts["rotated"] += 1
                return await self.issuing.pair(found, generation=generation + 1, scope=less)
            # Somebody was faster, with the same token or with a logout. The next look at the store will tell.

    async def _refuse(self, found: SessionOfUser, client: Client) -> NoReturn:
        detail = why_ended(found).code
        await self.audit.record(
            "refresh_refused", client=client, user_id=found.user.id, session_id=found.session.id, detail=detail
        )
        raise InvalidGrant()

    async def _end_for_reuse(self, found: SessionOfUser, client: Client) -> NoReturn:
        await self.endings.end_one(found.session.id, RefreshReused.code)
        await self.audit.record(
            RefreshReused.code, client=client, user_id=found.user.id, session_id=found.session.id
        )
        raise InvalidGrant()

    async def holder(self, refresh_token: str) -> SessionOfUser:
        """Returns the session that a refresh token would continue now, and its user. Never changes anything.

        Raises:
            InvalidGrant: the token does not count, or no longer.
        """
        token = self.refresh_tokens.decode(refresh_token)
        found = await self._genuine(token)
        now = self.clock.now()
        if not self.rules.may_refresh(found, now) or not self.rules.counts(token, found.session, now):
            raise InvalidGrant()
        return found

    async def session_of(self, refresh_token: str) -> SessionOfUser:
        """Returns the session of a refresh token of any generation, and its user. Raises `InvalidGrant`."""
        return await self._genuine(self.refresh_tokens.decode(refresh_token))

    async def _genuine(self, token: RefreshToken) -> SessionOfUser:
        """Returns the session of a token that this deployment derived, and its user. Raises `InvalidGrant`."""
        found = await self.store.session_with_user(token.session_id)
        # Checked first: otherwise anyone who knows a session's id could end it with a forged old token.
        if found is None or not self.refresh_tokens.is_genuine(token, found.session):
            raise InvalidGrant()
        return found
