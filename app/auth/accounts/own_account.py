"""What people do to their own account: export everything that is kept about it, and delete it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from app.auth.accounts.accounts import Accounts
from app.auth.accounts.administration import Administration
from app.auth.clock import Clock
from app.auth.factors import Proving
from app.auth.models import AuditEvent, Client, Page, PersonalToken, Principal, Session, User
from app.auth.ports import Store

#: Fields that nobody may read, not even the owner, because they would open something.
_SECRET: Final = frozenset({"password_hash", "token_hash", "nonce", "generation"})
#: How many rows are read from the store, and written, at once: more would hold up the event loop.
_BATCH: Final = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnAccount:
    """Exports and deletes the caller's account. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps everything.
        clock: tells the time.
        accounts: looks up accounts.
        proving: checks the password.
        administration: deletes accounts.
    """

    store: Store
    clock: Clock
    accounts: Accounts
    proving: Proving
    administration: Administration

    async def delete(self, principal: Principal, password: str, client: Client) -> None:
        """Deletes the caller's account for good.

        Raises:
            WrongPassword, TooManyRequests, TooBusy: the password was not proven.
            LastAdmin: nobody could administer this site any more.
        """
        await self.proving.confirm_password(principal, password, client)
        await self.administration.delete(principal.user_id, client)

    async def export(self, principal: Principal) -> AsyncIterator[str]:
        """Returns everything that is kept about the caller, as JSON without secrets.

        The JSON comes in pieces that are read one by one: the owner decides how long an account's log gets, and
        building a long one at once would hold up everybody. Raises `NotFound` before the first piece.
        """
        user = await self.accounts.get(principal.user_id)
        return self._pieces(user, await self._sessions(user.id, ""), await self._events(user.id, ""))

    async def _pieces(self, user: User, sessions: list[Session], page: Page[AuditEvent]) -> AsyncIterator[str]:
        """Yields the activity last. If the store goes away meanwhile, the text just breaks off, unfinished."""
        head = _json({"exported_at": self.clock.now().isoformat(), "account": _plain(user)})
        yield f'{head.removesuffix("}")}, "sessions": [\n{_lines(sessions)}'
        while len(sessions) == _BATCH:
            sessions = await self._sessions(user.id, sessions[-1].id)
            if sessions:
                yield f",\n{_lines(sessions)}"
        yield f'],\n"personal_tokens": [\n{_lines(await self.store.tokens_of(user.id))}],\n"activity": [\n'
        yield _lines(page.items)
        while page.cursor is not None:
            page = await self._events(user.id, page.cursor)
            if page.items:
                yield f",\n{_lines(page.items)}"
        yield "\n]}\n"

    async def _sessions(self, user_id: str, after: str) -> list[Session]:
        return await self.store.sessions_of(user_id, now=self.clock.now(), after=after, limit=_BATCH)

    async def _events(self, user_id: str, cursor: str) -> Page[AuditEvent]:
        return await self.store.audit_events(user_id=user_id, cursor=cursor, limit=_BATCH)


def _lines(records: Iterable[Session | PersonalToken | AuditEvent]) -> str:
    return ",\n".join(_json(_plain(record)) for record in records)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _plain(record: User | Session | PersonalToken | AuditEvent) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record) if field.name not in _SECRET}
    if isinstance(record, AuditEvent) and record.actor_id:
        # Which admin acted, and from where, is personal data of the admin.
        values.update(ip="", user_agent="", actor_id="an admin")
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
