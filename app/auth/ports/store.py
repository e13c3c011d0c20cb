"""Puts together everything that auth needs from a store, as one Protocol.

Every method is atomic by itself, raises `StoreUnavailable` when the database does not answer in time,
and never blocks the event loop. The contract suite in `tests/store/` holds for each implementation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.auth.ports.audit import Audit
from app.auth.ports.instances import Instances
from app.auth.ports.keys import SigningKeys
from app.auth.ports.letters import Letters, Links
from app.auth.ports.limits import Hits
from app.auth.ports.logins import Logins
from app.auth.ports.passwords import PasswordHashes
from app.auth.ports.sessions import Sessions, Watching
from app.auth.ports.tokens import Tokens
from app.auth.ports.users import Users


class Store(
    Users,
    Logins,
    PasswordHashes,
    Sessions,
    Links,
    Letters,
    Tokens,
    Hits,
    Audit,
    SigningKeys,
    Instances,
    Watching,
    Protocol,
):
    """Everything that auth keeps."""

    async def open(self) -> None:
        """Connects, brings the schema up to date and makes the indexes. May be called again after a failure."""
        ...

    async def close(self) -> None:
        """Releases everything. It is safe to call this twice, and without `open`."""
        ...

    async def ping(self) -> None:
        """Returns if the database answers, and raises `StoreUnavailable` if it does not."""

    async def purge(self, *, now: datetime, sessions_before: datetime, audit_before: datetime) -> int:
        """Removes what is no longer needed, and returns how many rows that were.

        That is: sessions that were revoked, or reached either limit, before `sessions_before`; audit events older
        than `audit_before`; links, counters and personal access tokens that expired before `now`; and devices that
        were not seen for 400 days.
        """
        ...
