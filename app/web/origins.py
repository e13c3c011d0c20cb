"""Which origins are this site's."""

from __future__ import annotations

from urllib.parse import urlsplit


def own_origins(public_url: str, *, scheme: str, host: str) -> set[str]:
    """The origins of this site, in lower case: `public_url`'s, and the one that a request was sent to.

    Args:
        public_url: where people reach the site.
        scheme, host: of the request, as a trusted proxy tells them.
    """
    parts = urlsplit(public_url)
    return {f"{parts.scheme}://{parts.netloc}".lower(), f"{scheme}://{host}".lower()}
