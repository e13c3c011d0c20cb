"""The personal access tokens of the SQLite store."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.auth.models import PersonalToken, TokenOfUser, User
from app.store.sqlite.base import SqlitePart
from app.store.sqlite.rows import USER_COLUMNS, column_list, columns_of, marks, record_from, values_of
from app.store.values import number, text, to_millis

_COLUMNS: Final = columns_of(PersonalToken)
_ADD: Final = (
    f"INSERT INTO personal_tokens ({column_list(_COLUMNS)}) SELECT {marks(_COLUMNS)}"  # noqa: S608
    " WHERE (SELECT count(*) FROM personal_tokens WHERE user_id = ?) < ? RETURNING id"
)
_TOKEN_WITH_USER: Final = (
    f"SELECT {column_list(_COLUMNS, 'token')}, {column_list(USER_COLUMNS, 'users')}"  # noqa: S608
    " FROM personal_tokens AS token JOIN users ON users.id = token.user_id WHERE token.token_hash = ?"
)
_TOKENS_OF: Final = (
    f"SELECT {column_list(_COLUMNS)} FROM personal_tokens"  # noqa: S608
    " WHERE user_id = ? ORDER BY created_at DESC, id DESC"
)


class SqliteTokens(SqlitePart):
    """Personal access tokens, found by their hashes."""

    async def add_token(self, token: PersonalToken, *, limit: int) -> bool:
        return bool(await self._db.write(_ADD, [*values_of(token), text(token.user_id), number(limit)]))

    async def tokens_of(self, user_id: str) -> list[PersonalToken]:
        return await self._all(PersonalToken, _TOKENS_OF, [text(user_id)])

    async def token_with_user(self, token_hash: str) -> TokenOfUser | None:
        rows = await self._db.read(_TOKEN_WITH_USER, [text(token_hash)])
        if not rows:
            return None
        width = len(_COLUMNS)
        return TokenOfUser(record_from(PersonalToken, rows[0][:width]), record_from(User, rows[0][width:]))

    async def touch_token(self, token_id: str, *, at: datetime) -> None:
        await self._db.write(
            "UPDATE personal_tokens SET last_used_at = ? WHERE id = ?", [to_millis(at), text(token_id)]
        )

    async def remove_token(self, user_id: str, token_id: str) -> bool:
        return bool(
            await self._db.write(
                "DELETE FROM personal_tokens WHERE id = ? AND user_id = ? RETURNING id",
                [text(token_id), text(user_id)],
            )
        )
