"""Defines what auth needs from a store, as Protocols.

Every method is atomic by itself, raises `StoreUnavailable` when the database does not answer in time,
and never blocks the event loop. The contract suite in `tests/store/` holds for each implementation.
"""

from app.auth.ports.audit import Audit
from app.auth.ports.instances import Instances
from app.auth.ports.keys import SigningKeys
from app.auth.ports.letters import Letters, Links
from app.auth.ports.limits import Hits
from app.auth.ports.logins import Added, Blocked, LoginCandidate, LoginRecord, Logins
from app.auth.ports.passwords import MailedLink, NewPassword, PasswordHashes, Replaced
from app.auth.ports.rotation import Judge, Judged, Rotation
from app.auth.ports.sessions import Sessions, Watching
from app.auth.ports.store import Store
from app.auth.ports.tokens import Tokens
from app.auth.ports.users import Users

__all__ = [
    "Added",
    "Audit",
    "Blocked",
    "Hits",
    "Instances",
    "Judge",
    "Judged",
    "Letters",
    "Links",
    "LoginCandidate",
    "LoginRecord",
    "Logins",
    "MailedLink",
    "NewPassword",
    "PasswordHashes",
    "Replaced",
    "Rotation",
    "Sessions",
    "SigningKeys",
    "Store",
    "Tokens",
    "Users",
    "Watching",
]
