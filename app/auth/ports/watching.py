"""What a store may tell by itself, as soon as another process has done it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from app.auth.models import Revocation, RightsChange


class Watching(Protocol):
    """A store that can be listened to."""

    def endings(self) -> AsyncIterator[Revocation | RightsChange]:
        """Whatever ends a session or changes rights from now on, whichever process did it, by whatever clock.

        It ends at once where the database can't tell: a poll has to do there. Raises `StoreUnavailable` when the
        database is gone; what happens until it is called again is not told.
        """
        ...
