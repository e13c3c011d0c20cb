"""Tells which origins are this site's."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": ":80", "https": ":443"}


def own_origins(public_url: str, *, scheme: str, host: str) -> set[str]:
    """Returns this site's origins, in lower case: `public_url`'s, and the one that a request was sent to.

    Args:
        public_url: where people reach the site.
        scheme, host: the request's, as a trusted proxy gives them.
    """
    parts = urlsplit(public_url)
    return {_origin(parts.scheme, parts.netloc), _origin(scheme, host)}


def _origin(scheme: str, host: str) -> str:
    """Returns the origin as browsers write it: without the default port, which proxies may add (RFC 6454 §6.2)."""
    return f"{scheme}://{host.removesuffix(_PORTS.get(scheme, ''))}".lower()
