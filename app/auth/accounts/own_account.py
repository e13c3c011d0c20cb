"""One's own account: everything that is kept of it, to take away, and its end."""

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

#: What is nobody's to read, its owner's neither: it would open something.
_SECRET: Final = frozenset({"password_hash", "token_hash", "nonce", "generation"})
#: Events that are read from the store, and held in memory, at once.
_BATCH: Final = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnAccount:
    """Export and deletion. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps everything.
        clock: tells the time.
        accounts: looks them up.
        proving: checks the password.
        administration: deletes.
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
            LastAdmin: nobody could administrate this site any more.
        """
        await self.proving.confirm_password(principal, password, client)
        await self.administration.delete(principal.user_id, client)

    async def export(self, principal: Principal) -> AsyncIterator[str]:
        """All that is kept of the caller, as JSON, without secrets. Raises `NotFound`, before the first piece.

        In pieces, read one by one: how long the log of an account is, its owner decides, and made at once a long
        one would hold up everybody.
        """
        now = self.clock.now()
        user = await self.accounts.get(principal.user_id)
        kept = {
            "exported_at": now.isoformat(),
            "account": _plain(user),
            "sessions": _plain_all(await self.store.sessions_of(user.id, now=now)),
            "personal_tokens": _plain_all(await self.store.tokens_of(user.id)),
        }
        return self._pieces(_json(kept), user.id, await self._events(user.id, ""))

    async def _pieces(self, kept: str, user_id: str, page: Page[AuditEvent]) -> AsyncIterator[str]:
        """The activity goes last. If the store goes away meanwhile, the text breaks off rather than look whole."""
        yield f'{kept.removesuffix("}")}, "activity": [\n'
        yield _lines(page)
        while page.cursor is not None:
            page = await self._events(user_id, page.cursor)
            if page.items:
                yield f",\n{_lines(page)}"
        yield "\n]}\n"

    async def _events(self, user_id: str, cursor: str) -> Page[AuditEvent]:
        return await self.store.audit_events(user_id=user_id, cursor=cursor, limit=_BATCH)


def _lines(page: Page[AuditEvent]) -> str:
    return ",\n".join(_json(row) for row in _plain_all(page.items))


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _plain_all(records: Iterable[Session | PersonalToken | AuditEvent]) -> list[dict[str, Any]]:
    return [_plain(record) for record in records]


def _plain(record: User | Session | PersonalToken | AuditEvent) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record) if field.name not in _SECRET}
    if isinstance(record, AuditEvent) and record.actor_id:
        # Who it was, and from where, is the admin's own affair.
        values.update(ip="", user_agent="", actor_id="an admin")
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
