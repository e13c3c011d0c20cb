"""Decides who may read the metrics: whoever asks on this machine itself, and whoever shows METRICS_TOKEN."""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import Final

from starlette.types import Scope

from app.scope import HANDED_ON

#: A `Host` that somebody on this machine types. Any other name came through a proxy that says nothing of itself,
#: or from a page in this machine's browser whose name was made to lead here (DNS rebinding).
_HERE: Final = re.compile(rb"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d*)?", re.IGNORECASE)


class Readers:
    """Those who may read the metrics.

    Args:
        token: METRICS_TOKEN; empty if there is none.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    @property
    def show_a_token(self) -> bool:
        """Whether there is a token that opens the metrics."""
        return bool(self._token)

    def include(self, scope: Scope) -> bool:
        """Tells whether the sender of this request may read the metrics. A wrong token counts less than none."""
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        if self._token and shown:
            return len(shown) == 1 and self._is_token(shown[0])
        return _is_local(scope)

    def _is_token(self, shown: bytes) -> bool:
        scheme, _, token = shown.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(b" "), self._token)


def _is_local(scope: Scope) -> bool:
    """Tells whether somebody on this machine asks, and nobody hands the request on.

    A peer on this machine may be a proxy that TRUSTED_PROXIES does not name, and then anybody asks.
    """
    client = scope.get("client")
    if client is None or scope.get(HANDED_ON, True):
        return False
    hosts = [value for name, value in scope["headers"] if name == b"host" and value]
    try:
        return ipaddress.ip_address(client[0]).is_loopback and all(_HERE.fullmatch(host) for host in hosts)
    except ValueError:  # a Unix socket, or a client of tests
        return False
