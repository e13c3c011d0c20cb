"""Which origins are this site's."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": ":80", "https": ":443"}


def own_origins(public_url: str, *, scheme: str, host: str) -> set[str]:
    """The origins of this site, in lower case: `public_url`'s, and the one that a request was sent to.

    Args:
        public_url: where people reach the site.
        scheme, host: of the request, as a trusted proxy tells them.
    """
    parts = urlsplit(public_url)
    return {_origin(parts.scheme, parts.netloc), _origin(scheme, host)}


def _origin(scheme: str, host: str) -> str:
    """As browsers write it: without the scheme's own port (RFC 6454 section 6.2), which some proxies add."""
    return f"{scheme}://{host.removesuffix(_PORTS.get(scheme, ''))}".lower()
