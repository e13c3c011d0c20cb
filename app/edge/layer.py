"""The outermost ASGI layer itself: it checks each request, adds headers to each answer, and logs it."""

import random
import time
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.edge.body import TOO_LARGE, GuardedBody
from app.edge.headers import Header, with_security_headers
from app.edge.proxies import TrustedProxies, was_handed_on
from app.edge.wellformed import (
    ASTERISK,
    Malformed,
    announces_body,
    check_framing,
    check_host,
    names_no_host,
    repeated_cookies,
    sift,
    tidy_target,
)
from app.scope import HANDED_ON, REPEATED_COOKIES, REQUEST_ID, ROUTE

#: Makes a refusal in the form of the half that the scope's path belongs to: from `(scope, status, detail)` to
#: the answer's headers and body. `detail` is a sentence for people.
Refuse = Callable[[Scope, int, str], tuple[list[Header], bytes]]
#: Tells how large the body of a request with this scope may be, in bytes. Its path has been tidied.
MaxBodyBytes = Callable[[Scope], int]
#: Is told of each answer: its scope, its status (None if there was no answer) and how many seconds it took.
Observe = Callable[[Scope, int | None, float], None]

_log = structlog.stdlib.get_logger("duet.edge")

# After these statuses, the body that the client is sending stays unread, so the connection can't be used again.
_CLOSING = frozenset({400, 408, 413, 414, 431})


class Edge:
    """Refuses what is not well-formed, for both halves, and makes every answer safe.

    It hands on a copy of the scope. The layers inside must share that copy, and not make another, so that the
    route that they leave in `scope[ROUTE]` can be logged.

    Args:
        app: the ASGI app inside.
        max_body_bytes: tells how large a request's body may be; a larger one gets a 413. It is asked before the
            body is read, and only if the head announces one.
        refuse: makes the refusals.
        trusted_proxies: IP addresses and CIDR networks whose `X-Forwarded-*` are believed. uvicorn's own
            `proxy_headers` has to be off, or it changes the client before the edge sees it.
        https: whether people reach Duet over https even if this process sees http.
        body_seconds: how long a body may take to arrive, on top of a second for each `body_min_rate` bytes; a
            slower one gets a 408.
        body_min_rate: bytes per second.
        observe: is told of each answer.
        watched: the methods and paths that monitors ask for. They also answer what names no host, and are logged
            as `debug` unless they fail.

    Raises:
        ValueError: a trusted proxy is neither an IP address nor a network.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: MaxBodyBytes,
        refuse: Refuse,
        trusted_proxies: Sequence[str] = (),
        https: bool = False,
        body_seconds: float = 20,
        body_min_rate: int = 16384,
        observe: Observe | None = None,
        watched: Collection[tuple[str, str]] = (),
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._refuse = refuse
        self._proxies = TrustedProxies(trusted_proxies)
        self._https = https
        self._body_seconds = body_seconds
        self._body_min_rate = body_min_rate
        self._observe = observe
        self._watched = frozenset(watched)
        # Ids of requests have to differ, but are not secret. Asking the operating system for each would cost a
        # system call, which releases the interpreter lock.
        self._ids = random.Random()  # noqa: S311

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        scope = dict(scope)
        # uvicorn starts a pipelined request in the context of the one before it.
        clear_contextvars()
        fault = self._tidy(scope)
        bind_contextvars(request_id=scope[REQUEST_ID])
        is_expected = announces_body(scope)
        max_bytes = 0
        if fault is None and is_expected and scope["type"] == "http":
            max_bytes = self._max_body_bytes(scope)
            if (check_framing(scope["headers"]) or 0) > max_bytes:
                fault = Malformed(413, TOO_LARGE)
        body = GuardedBody(
            receive,
            is_expected=is_expected,
            max_bytes=max_bytes,
            seconds=self._body_seconds,
            min_rate=self._body_min_rate,
        )
        answer = _Answer(scope, send, body, https=self._https)
        guarded = receive if scope["type"] == "websocket" else body.receive
        try:
            await self._run(scope, guarded, body, answer, fault)
        finally:
            seconds = time.perf_counter() - started
            if self._observe is not None:
                self._observe(scope, answer.status, seconds)
            # Monitors ask every second, and whoever reads the log wants to know what failed.
            is_noise = self._is_watched(scope) and (answer.status or 500) < 400
            (_log.debug if is_noise else _log.info)(
                "request",
                method=scope.get("method", "WEBSOCKET"),
                route=scope.get(ROUTE, "-"),
                status=answer.status,
                ms=round(seconds * 1000, 1),
                client=scope["client"][0] if scope.get("client") else None,
            )

    def _is_watched(self, scope: Scope) -> bool:
        return (scope.get("method"), scope["path"]) in self._watched

    def _tidy(self, scope: Scope) -> Malformed | None:
        """Make `scope` one that the app may rely on, and return what is wrong with the request, if anything."""
        scope[REQUEST_ID] = f"{self._ids.getrandbits(64):016x}"
        try:
            tidy_target(scope)
            scope[REPEATED_COOKIES] = repeated_cookies(scope["headers"])
            scope[HANDED_ON] = was_handed_on(scope["headers"])
            headers, aside = sift(scope["headers"])
            scope["headers"] = headers
            if names_no_host(scope) and self._is_watched(scope):
                scope["headers"] = [header for header in headers if header[0] != b"host"]
            else:
                check_host(headers)
            scope[REQUEST_ID] = self._proxies.apply(scope, aside) or scope[REQUEST_ID]
            check_framing(headers)
        except Malformed as fault:
            return fault
        return None

    async def _run(
        self, scope: Scope, receive: Receive, body: GuardedBody, answer: "_Answer", fault: Malformed | None
    ) -> None:
        if fault is None and scope["path"] == ASTERISK:
            await answer.send_directly({"type": "http.response.start", "status": 204, "headers": []})
            await answer.send_directly({"type": "http.response.body"})
        elif fault is None:
            try:
                await self._app(scope, receive, answer.send)
            except ClientDisconnect:
                pass  # the client went away in the middle of its body: no failure of ours, and nobody to answer
            except Exception:
                if body.fault is None:
                    _log.exception("request_failed", method=scope.get("method"), route=scope.get(ROUTE, "-"))
            fault = body.fault
        if answer.started or body.disconnected:
            # An answer that began and did not end is left like that: uvicorn then cuts the connection, so the
            # client can tell that the answer is not complete.
            return
        if fault is None:
            fault = Malformed(500, "Something went wrong here. It has been noted.")
        await self._send_refusal(scope, answer, fault)

    async def _send_refusal(self, scope: Scope, answer: "_Answer", fault: Malformed) -> None:
        if scope["type"] == "websocket":
            await answer.send_directly({"type": "websocket.close", "code": 1008})
            return
        headers, content = self._draw(scope, fault)
        names = {name.lower() for name, _ in headers}
        if b"content-length" not in names:
            headers.append((b"content-length", b"%d" % len(content)))
        if fault.status in _CLOSING:
            headers.append((b"connection", b"close"))
        if scope["method"] == "HEAD":
            content = b""
        await answer.send_directly({"type": "http.response.start", "status": fault.status, "headers": headers})
        await answer.send_directly({"type": "http.response.body", "body": content})

    def _draw(self, scope: Scope, fault: Malformed) -> tuple[list[Header], bytes]:
        try:
            headers, content = self._refuse(scope, fault.status, fault.detail)
            return list(headers), content
        except Exception:
            _log.exception("refusal_failed", status=fault.status)
            content = HTTPStatus(fault.status).phrase.encode("ascii")
            return [(b"content-type", b"text/plain; charset=utf-8")], content


class _Answer:
    """Sends one answer: adds its headers, and holds it back if the request's body is at fault."""

    def __init__(self, scope: Scope, send: Send, body: GuardedBody, *, https: bool) -> None:
        self._scope = scope
        self._send = send
        self._body = body
        self._https = https or scope.get("scheme") in ("https", "wss")
        self.status: int | None = None

    @property
    def started(self) -> bool:
        return self.status is not None

    async def send(self, message: Message) -> None:
        """The app's `send`. If the body is at fault, it drops an answer that has not started yet."""
        if self._body.fault is None or self.started:
            await self.send_directly(message)

    async def send_directly(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message = {**message, "headers": self._dress(message.get("headers", ()))}
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close" and not self.started:
            self.status = 403  # servers answer 403 to a close before the handshake is complete
        await self._send(message)

    def _dress(self, headers: Sequence[Header]) -> list[Header]:
        dressed = with_security_headers(headers, https=self._https)
        if all(name.lower() != b"x-request-id" for name, _ in headers):
            dressed.append((b"x-request-id", self._scope[REQUEST_ID].encode("ascii")))
        return dressed
