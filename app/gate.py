"""Authenticates every request, once and for both halves. What the request may do, the policy decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth.errors import AuthError, TokenInvalid, TokenMissing, TokenNotCurrent
from app.auth.limits import Asker, ask_as, asking, network
from app.auth.policy import Caller
from app.auth.service import Auth
from app.paths import is_api
from app.scope import CALLER

#: Reads the access token from Flask's session cookie. It returns None if there is no session.
SessionReader = Callable[[Scope], str | None]

_ANONYMOUS: Final = Caller(error=TokenMissing())


class Gate:
    """Leaves a `Caller` in the scope of every request: somebody, or nobody and the reason why.

    It also says on whose behalf the request waits for its turn at the store: a client's, and an account's.

    Under `/api`, a bearer token counts: an access token, a personal access token or an earlier system's token. If
    there is no `Authorization` at all, Flask's session counts if a page of this site sends the request. On pages,
    Flask's session counts and `Authorization` does not. Neither falls back on the other.

    Args:
        app: the layer inside this one.
        auth: verifies tokens and renews those of browser sessions.
        read_session: reads Flask's cookie for the pages.
        read_script_session: reads it for the API, where only this site's pages may show it. It may raise an
            `AuthError`.
        open_prefixes: paths which, with everything below them, need no caller: static files and health checks. No
            session is touched there.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth: Auth,
        read_session: SessionReader,
        read_script_session: SessionReader,
        open_prefixes: tuple[str, ...],
    ) -> None:
        self._app = app
        self._auth = auth
        self._read_session = read_session
        self._read_script_session = read_script_session
        self._open_paths = frozenset(open_prefixes)
        self._open_folders = tuple(f"{prefix.rstrip('/')}/" for prefix in open_prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            client = scope.get("client")
            # Until it is known whose account it is, all that one client asks shares a turn.
            asker = Asker(network(client[0]) if client else "")
            ask_as(asker)
            path = scope["path"]
            if is_api(path):
                values = [value for name, value in scope["headers"] if name == b"authorization"]
                if values:
                    scope[CALLER] = await self._identify_bearer(values)
                else:
                    scope[CALLER] = await self._identify_browser(scope, self._read_script_session)
                    send = _varying_by_cookie(send, is_private=scope[CALLER].by_session)
            elif path in self._open_paths or path.startswith(self._open_folders):
                scope[CALLER] = _ANONYMOUS
            else:
                scope[CALLER] = await self._identify_browser(scope, self._read_session)
            if scope[CALLER].principal is not None:
                ask_as(asker._replace(account=scope[CALLER].principal.user_id))
        await self._app(scope, receive, send)

    async def _identify_bearer(self, values: list[bytes]) -> Caller:
        """Returns the sender of a bearer token (RFC 6750 section 2.1), from the header and never the query."""
        scheme, _, token = values[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return _ANONYMOUS
        if len(values) > 1:  # two proxies, or an attacker, disagree about who this is
            return Caller(error=TokenInvalid())
        token = token.strip(" ")
        try:
            return Caller(await self._auth.bearers.authenticate(token))
        except AuthError as error:
            return Caller(error=error)

    async def _identify_browser(self, scope: Scope, read: SessionReader) -> Caller:
        """Returns the owner of Flask's session, whose access token is renewed here if it has expired."""
        try:
            token = read(scope)
            if token is None:
                return _ANONYMOUS
            try:
                return Caller(self._auth.sessions.authenticate(token), by_session=True)
            except TokenNotCurrent as stale:
                ask_as(asking()._replace(account=stale.principal.user_id))
                pair = await self._auth.renewals.renew(stale.principal)
                return Caller(pair.principal, renewed=pair.access_token, by_session=True)
        except AuthError as error:
            return Caller(error=error, by_session=True)


def _varying_by_cookie(send: Send, *, is_private: bool) -> Send:
    """Returns a `send` that tells caches that answers depend on the cookie, and to store none of a session."""

    async def vary(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Cookie")
            if is_private:
                headers.setdefault("Cache-Control", "no-store")
                # Even if a route lets its own pages cache it, another site's page must not get it from the cache.
                headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        await send(message)

    return vary
