"""The outermost ASGI layer itself: it judges each request, and dresses each answer."""

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge.headers import Header, with_security_headers

Refuse = Callable[[Scope, int, str], tuple[list[Header], bytes]]


class Edge:
    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        refuse: Refuse,
        trusted_proxies: Sequence[str] = (),
        https: bool = False,
        body_seconds: float = 20,
        body_min_rate: int = 16384,
    ) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_security_headers(message.get("headers", ()), https=self._https)
            await send(message)

        await self._app(scope, receive, dressed)
