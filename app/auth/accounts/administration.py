"""What admins do to accounts: find and disable them, give roles, end sessions, send a reset link, delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.auth.accounts.accounts import Accounts
from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import AccountDeleted, AccountDisabled, NotFound, SessionRevoked, StoreUnavailable
from app.auth.extending import Signal, SignalKind, Signals
from app.auth.letters import Letters
from app.auth.models import SESSIONS_PAGE, Client, LetterKind, Page, Principal, Session, User
from app.auth.parsing import parse_roles
from app.auth.ports import Store
from app.auth.sessions import Endings, Revocations


@dataclass(frozen=True, kw_only=True, eq=False)
class Administration:
    """Acts on any account. The policy decides who may. Every method may raise `StoreUnavailable`.

    `by` is the admin, for the audit log; it is None for the command line.

    Args:
        store: keeps the users.
        clock: tells the time.
        accounts: looks up accounts.
        letters: has mails sent.
        endings: ends sessions.
        revocations: is told whose rights changed.
        signals: tells the team's code.
        audit: is told of everything.
    """

    store: Store
    clock: Clock
    accounts: Accounts
    letters: Letters
    endings: Endings
    revocations: Revocations
    signals: Signals
    audit: Audit

    async def search(self, query: str = "", *, cursor: str = "", limit: int = 50) -> Page[User]:
        """Returns a page of the users whose email address, name or last name begins with `query`.

        Raises `CursorInvalid`.
        """
        return await self.store.find_users(query, cursor=cursor, limit=limit)

    async def sessions_of(self, user_id: str, *, after: str = "", limit: int = SESSIONS_PAGE) -> list[Session]:
        """Returns the user's live sessions, the most recently used first. Takes what `Sessions.of` takes."""
        return await self.store.sessions_of(user_id, now=self.clock.now(), after=after, limit=limit)

    async def set_active(
        self, user_id: str, is_active: bool, client: Client, *, by: Principal | None = None
    ) -> User:
        """Enables an account, or disables it, which ends its sessions. Raises `NotFound` or `LastAdmin`."""
        return await self.change(user_id, client, is_active=is_active, by=by)

    async def set_roles(
        self, user_id: str, roles: Sequence[str], client: Client, *, by: Principal | None = None
    ) -> User:
        """Replaces a user's roles. Older access tokens no longer count.

        Raises `NotFound`, `RolesInvalid` or `LastAdmin`.
        """
        return await self.change(user_id, client, roles=roles, by=by)

    async def change(
        self,
        user_id: str,
        client: Client,
        *,
        is_active: bool | None = None,
        roles: Sequence[str] | None = None,
        by: Principal | None = None,
    ) -> User:
        """Sets what is not None, either all of it or nothing. Raises `NotFound`, `RolesInvalid` or `LastAdmin`."""
        parsed = None if roles is None else parse_roles(roles)
        now = self.clock.now()
        user = await self.store.set_rights(user_id, at=now, roles=parsed, is_active=is_active)
        if user is None:
            raise NotFound()
        self.revocations.add_rights(user_id, user.rights_version, at=now)
        if is_active is False:
            await self.endings.end_all(user_id, AccountDisabled.code)
        if is_active is not None:
            event = "account_enabled" if is_active else AccountDisabled.code
            await self._record(event, user_id, client, by)
        if parsed is not None:
            await self._record("roles_changed", user_id, client, by, detail=",".join(user.roles))
            await self.signals.send(Signal(SignalKind.ROLES_CHANGED, user_id, now, client, user=user))
        return user

    async def delete(self, user_id: str, client: Client, *, by: Principal | None = None) -> None:
        """Deletes an account for good, with everything that belongs to it. Raises `NotFound` or `LastAdmin`."""
        user = await self.accounts.get(user_id)
        now = self.clock.now()
        if not await self.store.delete_user(user_id, at=now):
            raise NotFound()
        # The store has revoked the sessions. Their ids are read at once, because the next poll would come late.
        with suppress(StoreUnavailable):
            await self.revocations.poll()
        # The row is about nobody: where the request came from would be personal data of somebody who is gone.
        await self._record(AccountDeleted.code, user_id, client if by else Client(client.id), by)
        await self.letters.post(LetterKind.ACCOUNT_DELETED, user.email)
        await self.signals.send(Signal(SignalKind.DELETED, user_id, now, client, user=user))

    async def end_sessions(self, user_id: str, client: Client, *, by: Principal | None = None) -> int:
        """Ends all of a user's sessions; how many. Raises `NotFound`."""
        await self.accounts.get(user_id)
        ended = await self.endings.end_all(user_id, SessionRevoked.code)
        await self._record("sessions_revoked", user_id, client, by)
        return ended

    async def send_reset(self, user_id: str, client: Client, *, by: Principal | None = None) -> None:
        """Mails a link to set a new password. Raises `NotFound`."""
        user = await self.accounts.get(user_id)
        await self.letters.post(LetterKind.RESET_PASSWORD, user.email_key, user_id=user_id)
        await self._record("password_reset_requested", user_id, client, by)

    async def _record(
        self, event: str, user_id: str, client: Client, by: Principal | None, *, detail: str = ""
    ) -> None:
        actor_id = by.user_id if by else ""
        await self.audit.record(event, client=client, user_id=user_id, actor_id=actor_id, detail=detail)
