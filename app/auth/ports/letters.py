"""Links and mails that wait, as a store keeps them."""

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
        """The link, if it was neither used nor is past `expires_at`."""
        ...

    async def take_link(self, link_id: str, *, now: datetime) -> Link | None:
        """Removes the link and returns it if it still counted: of many callers one gets it."""
        ...

    async def links_for(self, purpose: str, *, now: datetime, limit: int = 200) -> list[Link]:
        """Those of a purpose that still count, the newest first."""
        ...

    async def remove_links(self, user_id: str, purposes: Collection[str]) -> None:
        """Removes a user's links of these purposes."""
        ...


class Letters(Protocol):
    """Mails that wait to be sent."""

    async def add_letter(self, letter: Letter) -> None: ...

    async def claim_letter(self, *, now: datetime, until: datetime) -> Letter | None:
        """The letter that is due the longest, with one more attempt and its `due_at` moved to `until`: of many
        callers one gets it, and if that one dies it is due again then. None if none is due."""
        ...

    async def put_letter_off(self, letter_id: str, *, due_at: datetime) -> None: ...

    async def remove_letter(self, letter_id: str) -> None: ...
