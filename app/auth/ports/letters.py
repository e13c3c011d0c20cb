"""Defines how a store keeps links, and mails that wait."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from app.auth.models import (
    Letter,
    Link,
)


class Links(Protocol):
    """One-time links."""

    async def add_link(self, link: Link) -> None: ...

    async def link(self, link_id: str, *, now: datetime) -> Link | None:
        """Returns the link if it has not been used and is not past `expires_at`."""
        ...

    async def take_link(self, link_id: str, *, now: datetime) -> Link | None:
        """Removes the link, and returns it if it still counted. Of many callers, only one gets it."""
        ...

    async def links_for(self, purpose: str, *, now: datetime, limit: int = 200) -> list[Link]:
        """Returns the links of a purpose that still count, the newest first."""
        ...

    async def remove_links(self, user_id: str, purposes: Collection[str]) -> None:
        """Removes a user's links of these purposes."""
        ...


class Letters(Protocol):
    """Mails that wait to be sent."""

    async def add_letter(self, letter: Letter) -> None: ...

    async def claim_letter(self, *, now: datetime, until: datetime) -> Letter | None:
        """Returns the letter that has been due the longest, or None if none is due.

        Counts an attempt, and moves `due_at` to `until`. Of many callers, only one gets the letter; if that one
        dies, the letter is due again at `until`.
        """
        ...

    async def put_letter_off(self, letter_id: str, *, due_at: datetime) -> None: ...

    async def remove_letter(self, letter_id: str) -> None: ...
