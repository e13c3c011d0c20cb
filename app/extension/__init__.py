"""How a team adds its own code: routers for the API, blueprints for the pages, both protected by default."""

from app.auth.extending import Signal, SignalKind
from app.bodies import max_body_bytes
from app.extension.claims import Claims
from app.extension.extension import Extension, NavLink
from app.extension.faults import fault_in
from app.extension.loading import load_extensions
from app.settings import SettingsError

__all__ = [
    "Claims",
    "Extension",
    "NavLink",
    "SettingsError",
    "Signal",
    "SignalKind",
    "fault_in",
    "load_extensions",
    "max_body_bytes",
]
