"""Defines how a store keeps a list of the running processes."""

from __future__ import annotations

from typing import Protocol

from app.auth.models import Instance


class Instances(Protocol):
    """The running processes, of which there are few."""

    async def announce(self, instance: Instance) -> None:
        """Stores the process, or replaces what is stored under its id."""
        ...

    async def instances(self) -> list[Instance]:
        """Returns all processes that were announced and not withdrawn, the one that started earliest first."""
        ...

    async def withdraw(self, instance_id: str) -> None:
        """Forgets the process. Does nothing if it is not there."""
        ...
