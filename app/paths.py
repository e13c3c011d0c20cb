"""The addresses that more than one part of Duet knows: what the root serves where, and who owns a path."""

from __future__ import annotations

from typing import Final

#: Where the API is mounted.
API: Final = "/api"
STATIC: Final = "/static"
HEALTHZ: Final = "/healthz"
READYZ: Final = "/readyz"
METRICS: Final = "/metrics"
WELL_KNOWN: Final = "/.well-known"
#: What the root serves besides the pages. A page at one of these addresses would never be reached.
RESERVED: Final = (API, STATIC, HEALTHZ, READYZ, METRICS, WELL_KNOWN)
_BELOW_API: Final = f"{API}/"
_BELOW_AUTH: Final = f"{API}/auth/"


def is_api(path: str) -> bool:
    """Returns whether the API answers at `path`, and not a page."""
    return path == API or path.startswith(_BELOW_API)


def speaks_oauth(path: str) -> bool:
    """Returns whether requests to `path` are refused in OAuth's own form (RFC 6749 section 5.2)."""
    return path.startswith(_BELOW_AUTH)
