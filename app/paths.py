"""The addresses that more than one part of Duet knows: what lies where at the root, and whose a path is."""

from __future__ import annotations

from typing import Final

#: Where the API is mounted.
API: Final = "/api"
STATIC: Final = "/static"
HEALTHZ: Final = "/healthz"
READYZ: Final = "/readyz"
METRICS: Final = "/metrics"
WELL_KNOWN: Final = "/.well-known"
#: What the root serves beside the pages: a page there would never be reached.
RESERVED: Final = (API, STATIC, HEALTHZ, READYZ, METRICS, WELL_KNOWN)
_BELOW_API: Final = f"{API}/"
_BELOW_AUTH: Final = f"{API}/auth/"


def is_api(path: str) -> bool:
    """Whether the API answers at `path`, and not a page."""
    return path == API or path.startswith(_BELOW_API)


def speaks_oauth(path: str) -> bool:
    """Whether what is refused at `path` is refused in OAuth's own form (RFC 6749 section 5.2)."""
    return path.startswith(_BELOW_AUTH)
