"""Ends the WebSocket of a browser whose session ends while it is open.

A request is over before its session can end; a socket may stay open for days. A program's bearer token is looked
at once, when it opens the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from app.auth.errors import AuthError
from app.auth.models import Principal
from app.auth.policy import Caller
from app.auth.service import Auth
from app.scope import CALLER, PRINCIPAL

#: How often an open socket's session is looked at, in seconds. The look asks no store, until a token has expired.
LOOK_SECONDS: Final = 1.0
#: The code for what a policy forbids (RFC 6455 section 7.4.1).
POLICY_VIOLATION: Final = 1008

Handle = Callable[[Scope, Receive, Send], Awaitable[None]]


async def serve_socket(handle: Handle, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs `handle` until it ends, or until the session of the browser that opened the socket does.

    The socket is then closed with 1008 and the code of the reason, and `handle` is cancelled.
    """
    caller: Caller = scope[CALLER]
    principal: Principal | None = scope[PRINCIPAL]
    if principal is None or not caller.by_session:
        await handle(scope, receive, send)
        return
    is_closed = False

    async def watched_send(message: Message) -> None:
        nonlocal is_closed
        is_closed = is_closed or message["type"] == "websocket.close"
        await send(message)

    serving: asyncio.Future[Any] = asyncio.ensure_future(handle(scope, receive, watched_send))
    try:
        reason = await _end_of(principal, scope["state"]["auth"], serving)
    finally:
        serving.cancel()
    if reason is None:
        await serving
        return
    with suppress(asyncio.CancelledError):
        await serving
    if not is_closed:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason.code})


async def _end_of(principal: Principal, auth: Auth, serving: asyncio.Future[Any]) -> AuthError | None:
    """Returns why the session of `principal` has ended, or None once `serving` is done.

    It has also ended if nobody can tell after its access token has expired. When rights change, the browser may
    open the socket again and is judged by the new ones.
    """
    while True:
        done, _ = await asyncio.wait({serving}, timeout=LOOK_SECONDS)
        if done:
            return None
        try:
            if principal.expires_at <= auth.clock.now():
                principal = (await auth.renewals.renew(principal)).principal
            else:
                auth.revocations.check(principal)
        except AuthError as error:
            return error
