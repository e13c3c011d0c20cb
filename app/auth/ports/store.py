"""What auth needs from outside, as Protocols: a store and a clock.

Every store method is atomic by itself, raises `StoreUnavailable` when the database does not answer in time,
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
        """Lets go of everything. Safe to call twice, and without `open`."""
        ...

    async def ping(self) -> None:
        """Returns if the database answers, else raises `StoreUnavailable`."""

    async def purge(self, *, now: datetime, sessions_before: datetime, audit_before: datetime) -> int:
        """Removes sessions that were revoked, or ran out of either limit, before `sessions_before`; audit events
        older than `audit_before`; links, counters and personal tokens that ran out before `now`, and devices not
        seen for 400 days. How many rows went."""
        ...
