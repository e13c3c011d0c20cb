"""The embedded store as a whole: everything that auth keeps, in one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.auth.models import Revocation, RightsChange
from app.store.measurements import StoreMeasurements
from app.store.sqlite.admissions import SqliteAdmissions
from app.store.sqlite.audit import SqliteAudit
from app.store.sqlite.deployment import SqliteInstances, SqliteSigningKeys
from app.store.sqlite.hits import SqliteHits
from app.store.sqlite.letters import SqliteLetters
from app.store.sqlite.links import SqliteLinks
from app.store.sqlite.logins import SqliteLogins
from app.store.sqlite.passwords import SqlitePasswords
from app.store.sqlite.rights import SqliteRights
from app.store.sqlite.sessions import SqliteSessions
from app.store.sqlite.tokens import SqliteTokens
from app.store.sqlite.upkeep import SqliteUpkeep
from app.store.sqlite.user_search import SqliteUserSearch
from app.store.sqlite.users import SqliteUsers


class SqliteStore(
    SqliteUsers, SqliteAdmissions, SqliteUserSearch, SqliteRights, SqliteSessions, SqliteLinks, SqliteLetters,
    SqliteTokens, SqliteLogins, SqlitePasswords, SqliteHits, SqliteAudit, SqliteSigningKeys, SqliteInstances,
    SqliteUpkeep,
):  # fmt: skip
    """`app.auth.ports.Store` on a SQLite file, which other processes of this machine may share."""

    @property
    def measurements(self) -> StoreMeasurements:
        """The measurements of its calls."""
        return self._db.measurements

    async def open(self) -> None:
        await self._db.open()

    async def close(self) -> None:
        await self._db.close()

    async def ping(self) -> None:
        await self._db.read("SELECT 1 FROM users LIMIT 1")

    async def endings(self) -> AsyncIterator[Revocation | RightsChange]:
        """Yields nothing: SQLite does not notify of changes."""
        return
        yield
