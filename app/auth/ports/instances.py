"""Running processes, as a store keeps them."""

from __future__ import annotations

from typing import Protocol

from app.auth.models import Instance


class Instances(Protocol):
    """Running processes. They are few."""

    async def announce(self, instance: Instance) -> None:
        """Stores it, or replaces what is stored under its id."""
        ...

    async def instances(self) -> list[Instance]:
        """All that announced themselves and did not withdraw, the earliest started first."""
        ...

    async def withdraw(self, instance_id: str) -> None:
        """Forgets it. Does nothing if it is not there."""
        ...
