"""Replaces passwords in the SQLite store, each in one transaction."""

from __future__ import annotations

from typing import Any, Final

from app.auth.models import LinkPurpose, User
from app.auth.ports import MailedLink, NewPassword, Replaced
from app.store.sqlite.audit import add_event
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.connection import Transaction
from app.store.sqlite.hits import forget_hits
from app.store.sqlite.letters import ADD_LETTER
from app.store.sqlite.rows import record_from, values_of
from app.store.sqlite.users import RETURNING_USER
from app.store.values import number, text, to_millis

_LINK: Final = "SELECT 1 FROM links WHERE id = ? AND user_id = ? AND expires_at > ?"
#: If no session is kept, older access tokens no longer count either, as after a change of rights.
_REPLACE: Final = (
    "UPDATE users SET password_hash = :hash, password_changed_at = :at,"  # noqa: S608
    " credentials_version = credentials_version + 1, is_email_verified = is_email_verified OR :by_link,"
    " rights_version = rights_version + :all,"
    " rights_changed_at = CASE WHEN :all THEN :at ELSE rights_changed_at END"
    " WHERE id = :id AND credentials_version = :version"
    " AND (NOT :by_link OR (is_active AND email_key = :email_key))"
    f" {RETURNING_USER}"
)
_END_SESSIONS: Final = (
    "UPDATE sessions SET revoked_at = ?, revoked_reason = ?"
    " WHERE user_id = ? AND revoked_at IS NULL AND id IS NOT ? RETURNING id"
)
_KEEP_SESSION: Final = "UPDATE sessions SET credentials_version = ? WHERE id = ? AND user_id = ?"
_REMOVE_LINKS: Final = "DELETE FROM links WHERE user_id = ? AND purpose IN (?, ?)"
_REMOVE_TOKENS: Final = "DELETE FROM personal_tokens WHERE user_id = ?"
_UPGRADE: Final = "UPDATE users SET password_hash = ? WHERE id = ? AND credentials_version = ? RETURNING id"


class SqlitePasswords(SqlitePart):
    """Password hashes, and everything that changes with them."""

    async def replace_password(self, new: NewPassword) -> Replaced | None:
        values = _values_of(new)

        def work(transaction: Transaction) -> Replaced | None:
            if new.link is not None and not _is_there(transaction, new.link, new):
                return None
            rows = transaction.execute(_REPLACE, values)
            if not rows:
                return None
            user = record_from(User, rows[0])
            return Replaced(user, _write(transaction, new, user))

        return await self._db.transact(work)

    async def upgrade_password_hash(self, user_id: str, password_hash: str, *, credentials_version: int) -> bool:
        values = [text(password_hash), text(user_id), number(credentials_version)]
        return bool(await self._db.write(_UPGRADE, values))


def _values_of(new: NewPassword) -> dict[str, Any]:
    return {
        "id": text(new.user_id),
        "hash": text(new.password_hash),
        "version": number(new.credentials_version),
        "at": to_millis(new.at),
        "by_link": int(new.link is not None),
        "email_key": "" if new.link is None else text(new.link.email_key),
        "all": int(new.keep is None),
    }


def _is_there(transaction: Transaction, link: MailedLink, new: NewPassword) -> bool:
    return bool(transaction.execute(_LINK, [text(link.id), text(new.user_id), to_millis(new.at)]))


def _write(transaction: Transaction, new: NewPassword, user: User) -> tuple[str, ...]:
    """Writes everything that goes with the new hash. Returns the ids of the sessions that ended."""
    ended = transaction.execute(_END_SESSIONS, [to_millis(new.at), text(new.reason), user.id, new.keep])
    if new.keep is None:
        transaction.execute(_REMOVE_TOKENS, [user.id])
    else:
        transaction.execute(_KEEP_SESSION, [user.credentials_version, text(new.keep), user.id])
    transaction.execute(_REMOVE_LINKS, [user.id, LinkPurpose.RESET_PASSWORD.value, LinkPurpose.CHANGE_EMAIL.value])
    if new.wiped:
        transaction.execute(forget_hits(len(new.wiped)), list(map(text, new.wiped)))
    add_event(transaction, new.event, new.limit)
    if new.letter is not None:
        transaction.execute(ADD_LETTER, values_of(new.letter))
    return tuple(row[0] for row in ended)
