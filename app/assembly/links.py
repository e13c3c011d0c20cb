"""Gives the API's requests links of `PUBLIC_URL`, whatever a request's `Host` says."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import URL, URLPath
from starlette.routing import Router

_SOCKETS: Final = {"http": "ws", "https": "wss"}


class PublicLinks:
    """What `request.url_for` asks, in the place of the root's router.

    A mail with a link of another host would hand its token to a stranger.

    Args:
        router: knows the paths.
        public_url: where people reach the site.
    """

    def __init__(self, router: Router, public_url: str) -> None:
        self._router = router
        self._public_url = public_url

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Returns the path of the route `name`, which becomes an absolute URL below `PUBLIC_URL`."""
        path = self._router.url_path_for(name, **path_params)
        public = _PublicPath(path, path.protocol)
        public.public_url = self._public_url
        return public


class _PublicPath(URLPath):
    public_url: str

    def make_absolute_url(self, base_url: str | URL) -> URL:
        parts = urlsplit(self.public_url)
        scheme = _SOCKETS[parts.scheme] if self.protocol == "websocket" else parts.scheme
        return URL(f"{scheme}://{parts.netloc}{self}")
