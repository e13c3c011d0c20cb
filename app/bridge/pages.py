"""The ASGI app that runs a WSGI app in bounded thread pools."""

from collections.abc import Callable
from typing import Any

from a2wsgi import WSGIMiddleware
from starlette.types import Receive, Scope, Send

from app.edge import Refuse


class PagesApp:
    def __init__(
        self,
        wsgi_app: Any,
        *,
        threads: int,
        slow_threads: int,
        is_slow: Callable[[Scope], bool],
        refuse: Refuse,
        max_queued: int,
        max_slow_queued: int,
    ) -> None:
        self._plain: Any = WSGIMiddleware(wsgi_app, workers=threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._plain(scope, receive, send)

    async def aclose(self) -> None:
        """Wait for the views under way, and end the threads."""
        self._plain.executor.shutdown(wait=False, cancel_futures=True)
