"""Defines how a store keeps accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.auth.models import (
    Link,
    Page,
    User,
)


class Users(Protocol):
    """The accounts."""

    async def add_user(self, user: User) -> None:
        """Stores a new user. Raises `EmailTaken` if `email_key` is in use."""
        ...

    async def admit_user(
        self, user: User, *, link_id: str, purpose: str, at: datetime, spends: bool = False
    ) -> Link | None:
        """Stores a new user and uses up the link that lets them in, in one step.

        Args:
            user: the account.
            link_id, purpose: an invitation, or the setup link.
            at: the current instant.
            spends: whether the link is used up even if the email address is taken.

        Returns:
            The link. None, and then nothing is stored, if it does not count: it was used or is past `expires_at`;
            the user who made it is no active admin; or it is the setup link, and there is an active admin. This
            holds when the account is stored, even if the admin is taken away, or made, at the same moment.

        Raises:
            EmailTaken: `email_key` is in use.
        """
        ...

    async def add_users(self, users: Sequence[User]) -> list[str]:
        """Stores many users at once, if their `email_key` is free. Returns the `email_key` of those not stored."""
        ...

    async def user_by_id(self, user_id: str) -> User | None: ...

    async def user_by_email(self, email_key: str) -> User | None: ...

    async def find_users(self, query: str = "", *, cursor: str = "", limit: int = 100) -> Page[User]:
        """Returns a page of the users whose email address, name or last name begins with `query`, each once.

        Those found by email address come first, in the order of `email_key`; then those found by name, and then
        those found by last name, in the order of each. An empty query finds everybody. Case makes no difference.
        Raises `CursorInvalid`.
        """
        ...

    async def has_users(self) -> bool:
        """Returns whether there is any account."""
        ...

    async def has_admin(self) -> bool:
        """Returns whether an active account has the role `admin`."""
        ...

    async def set_name(self, user_id: str, name: str) -> User | None:
        """Sets the name. Returns the changed user, or None if there is no such user."""
        ...

    async def set_email(self, user_id: str, email: str, email_key: str, *, expected_key: str) -> User | None:
        """Replaces the email address, which then counts as confirmed, if its normal form still is `expected_key`.

        Returns None if it is not, or there is no such user. Raises `EmailTaken` if another user has `email_key`.
        """
        ...

    async def set_email_verified(self, user_id: str, *, email_key: str) -> User | None:
        """Marks the email address as confirmed if it still is `email_key`. Returns None if it is not."""
        ...

    async def set_rights(
        self, user_id: str, *, at: datetime, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User | None:
        """Sets what is not None, adds one to `rights_version`, and sets `rights_changed_at` to `at`.

        Returns None if there is no such user. Raises `LastAdmin`, and changes nothing, if this user is the only
        active admin and would no longer be one, even when two admins demote each other at the same moment.
        """
        ...

    async def delete_user(self, user_id: str, *, at: datetime) -> bool:
        """Removes the user with all links, letters, tokens and devices, and revokes their sessions.

        The reason is `account_deleted`. The IP address and user agent are blanked in their sessions, and in audit
        rows about or by them. The revoked rows stay until `purge`, so that other processes learn of them. Returns
        whether there was such a user. Raises `LastAdmin` as `set_rights` does.
        """
        ...
