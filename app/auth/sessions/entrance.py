"""The only way into a session, however somebody proved who they are.

Nothing else stores a session, which the import contracts ensure.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.errors import SessionDisplaced, SessionRevoked, WrongPassword
from app.auth.extending import Signal, SignalKind, Signals
from app.auth.factors import Proven, ProvenLogin, Proving
from app.auth.letters import Letters
from app.auth.limits import arrival
from app.auth.models import Client, LetterKind, Principal, Session, SessionOfUser, TokenPair, User
from app.auth.ports import LoginRecord, Store
from app.auth.sessions.endings import Endings, live_session
from app.auth.sessions.issuing import Issuing


@dataclass(frozen=True, kw_only=True, eq=False)
class Entrance:
    """Lets in people who have proven who they are. Every method may raise `StoreUnavailable`.

    Args:
        config: holds the lifetimes.
        store: keeps the sessions.
        clock: tells the time.
        issuing: issues the tokens.
        proving: knows how a login is refused.
        endings: is told which sessions had to make room.
        letters: has mails sent.
        signals: tells the team's code.
        audit: is told of everything.
    """

    config: AuthConfig
    store: Store
    clock: Clock
    issuing: Issuing
    proving: Proving
    endings: Endings
    letters: Letters
    signals: Signals
    audit: Audit

    async def proceed(self, proven: ProvenLogin, client: Client, *, scope: str) -> TokenPair:
        """Begins a session.

        Args:
            proven: who it is, what they proved it with, and when.
            client: where the request comes from. A browser's session (`WEB_CLIENT`) gets no refresh token.
            scope: what the session's tokens may do.

        Raises:
            InvalidCredentials: the proof no longer counts: the password was changed, or the account disabled,
                while the proof was checked.
        """
        user, session = proven.user, self._new_session(proven, client, scope)
        event = self.audit.event("login", client=client, user_id=user.id, session_id=session.id)
        device_key, new_id = arrival(client, proven.candidate)
        guess, limit = proven.guess, self.audit.limit_of(event)
        record = LoginRecord(event, device_key, guess.wiped, guess.taken_back, limit)
        added = await self.store.add_session(session, record=record)
        if added is None:
            await self.audit.record("login_failed", client=client, user_id=user.id, detail="account_changed")
            raise self.proving.invalid_credentials()
        self.audit.tell(event)
        if added.displaced:
            await self._tell_of_displaced(user, added.displaced, session, client)
        if added.is_new_device and proven.candidate.has_devices:
            await self._write_of_news(user, session)
        await self.signals.send(
            Signal(SignalKind.LOGGED_IN, user.id, session.created_at, client, user=user, session_id=session.id)
        )
        return replace(await self.issuing.pair(SessionOfUser(session, user)), device=new_id)

    async def proceed_within(self, proven: Proven, principal: Principal, client: Client) -> TokenPair:
        """Goes on within the caller's session, in which they have just proven who they are again.

        Raises:
            SessionEnded: the session ended meanwhile.
            WrongPassword: the password was changed, within this session, while the proof was checked.
        """
        found = await live_session(self.store, principal.session_id, self.clock.now())
        if found.user.credentials_version != proven.user.credentials_version:
            raise WrongPassword()
        if not await self.store.set_auth_time(found.session.id, now=proven.at):
            raise SessionRevoked()
        await self.audit.record(
            "reauthenticated", client=client, user_id=found.user.id, session_id=found.session.id
        )
        fresh = replace(found.session, auth_time=proven.at)
        return await self.issuing.pair(SessionOfUser(fresh, found.user), generation=fresh.generation)

    async def _tell_of_displaced(
        self, user: User, session_ids: tuple[str, ...], session: Session, client: Client
    ) -> None:
        """Has the tokens of the sessions refused from now on that had to make room for the new one."""
        self.endings.note(session_ids, at=session.created_at, reason=SessionDisplaced.code)
        await self.audit.record(
            SessionDisplaced.code,
            client=client,
            user_id=user.id,
            session_id=session_ids[0],
            detail=str(len(session_ids)),
        )

    def _new_session(self, proven: Proven, client: Client, scope: str) -> Session:
        now = self.clock.now()
        last = now + self.config.absolute_lifetime
        return Session(
            id=secrets.token_urlsafe(16),
            user_id=proven.user.id,
            client_id=client.id,
            created_at=now,
            auth_time=proven.at,
            last_used_at=now,
            idle_expires_at=min(now + self.config.idle_lifetime, last),
            expires_at=last,
            nonce=secrets.token_urlsafe(12),
            ip=client.ip,
            user_agent=client.user_agent,
            scope=scope,
            amr=proven.amr,
            credentials_version=proven.user.credentials_version,
        )

    async def _write_of_news(self, user: User, session: Session) -> None:
        await self.letters.post(
            LetterKind.NEW_DEVICE,
            user.email,
            user_id=user.id,
            user_agent=session.user_agent,
            ip=session.ip,
            at=session.created_at.isoformat(timespec="seconds"),
        )
