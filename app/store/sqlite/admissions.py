"""Accounts that a link lets in, in the SQLite store: one transaction judges the link and stores the account."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.auth.models import Link, LinkPurpose, User
from app.auth.refusals import EmailTaken
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.links import LINKS
from app.store.sqlite.rows import record_from
from app.store.sqlite.users import ADD_USER, stored_user
from app.store.values import text, to_millis

_ADMIN: Final = "SELECT 1 FROM users WHERE is_admin AND is_active"
_LETS_IN: Final = (
    f"{LINKS} WHERE id = :id AND purpose = :purpose AND expires_at > :at"
    f" AND (created_by = '' OR EXISTS ({_ADMIN} AND id = links.created_by))"
    f" AND (purpose <> '{LinkPurpose.SETUP}' OR NOT EXISTS ({_ADMIN}))"
)
_REMOVE: Final = "DELETE FROM links WHERE id = ?"


class SqliteAdmissions(SqlitePart):
    """Accounts by invitation and by the setup link."""

    async def admit_user(
        self, user: User, *, link_id: str, purpose: str, at: datetime, spends: bool = False
    ) -> Link | None:
        which = {"id": text(link_id), "purpose": text(purpose), "at": to_millis(at)}
        row = stored_user(user)

        def work(transaction: Transaction) -> tuple[Link | None, bool]:
            found = transaction.execute(_LETS_IN, which)
            if not found:
                return None, False
            is_free = bool(transaction.execute(f"{ADD_USER} RETURNING id", row))
            if is_free or spends:
                transaction.execute(_REMOVE, [which["id"]])
            return record_from(Link, found[0]), not is_free

        link, is_taken = await self._db.transact(work)
        if is_taken:
            raise EmailTaken
        return link
