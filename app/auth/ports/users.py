"""Accounts, as a store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.auth.models import (
    Page,
    User,
)


class Users(Protocol):
    """Accounts."""

    async def add_user(self, user: User) -> None:
        """Stores a new user. Raises `EmailTaken` if `email_key` is in use."""
        ...

    async def add_users(self, users: Sequence[User]) -> list[str]:
        """Stores those whose `email_key` is free, many at once; the `email_key` of each that it did not store."""
        ...

    async def user_by_id(self, user_id: str) -> User | None: ...

    async def user_by_email(self, email_key: str) -> User | None: ...

    async def find_users(self, query: str = "", *, cursor: str = "", limit: int = 100) -> Page[User]:
        """A page of the users whose address, name or last name begins with `query`, each once.

        First those whose address does, in the order of `email_key`; then the names, then the last names, each in
        their order. An empty query finds everybody. Capitals make no difference. Raises `CursorInvalid`.
        """
        ...

    async def has_users(self) -> bool:
        """Whether there is any account."""
        ...

    async def has_admin(self) -> bool:
        """Whether an active account has the role `admin`."""
        ...

    async def set_name(self, user_id: str, name: str) -> User | None:
        """The changed user, or None if there is none."""
        ...

    async def set_email(self, user_id: str, email: str, email_key: str, *, expected_key: str) -> User | None:
        """Replaces the address, which counts as verified, if its normal form still is `expected_key`.

        None if it is not, or there is no such user. Raises `EmailTaken` if another user has `email_key`.
        """
        ...

    async def set_email_verified(self, user_id: str, *, email_key: str) -> User | None:
        """Marks the address as verified, if it still is `email_key`. None if it is not."""
        ...

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        """Sets what is not None, adds one to `rights_version`, sets `rights_changed_at` to `at`.

        Raises `LastAdmin`, and changes nothing, if this user is an active admin, would be none afterwards, and
        nobody else is one: also where two admins demote each other at the same moment.
        """
        ...

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        """Removes the user with all links, letters, tokens and devices, and revokes the sessions
        (`account_deleted`). The ip and user agent of sessions and audit rows about or by the user are blanked.

        The revoked rows stay until `purge`, so that other processes learn of them. Raises `LastAdmin` as
        `set_rights` does.
        """
        ...
