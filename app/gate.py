"""Who is this? Every request is authenticated here, once, for both halves; what it may do, the policy decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.errors import AuthError, TokenInvalid, TokenMissing, TokenNotCurrent
from app.auth.models import Caller
from app.auth.personal_tokens import PREFIX
from app.auth.policy import CALLER
from app.auth.service import Auth

#: Reads the access token out of Flask's session cookie; None where there is no session.
SessionReader = Callable[[Scope], str | None]

_ANONYMOUS: Final = Caller(error=TokenMissing())


class Gate:
    """Leaves a `Caller` in the scope of every request: somebody, or nobody and the reason why.

    Under `/api` a bearer token counts, be it an access token, a personal one or an earlier system's, and cookies
    do not; on pages Flask's session counts and `Authorization` does not. Neither falls back on the other.

    Args:
        app: what lies inside.
        auth: verifies tokens and renews those of browser sessions.
        read_session: the reader of Flask's cookie.
        open_prefixes: paths below these concern nobody: static files and health checks. No session is touched.
    """

    def __init__(
        self, app: ASGIApp, *, auth: Auth, read_session: SessionReader, open_prefixes: tuple[str, ...]
    ) -> None:
        self._app = app
        self._auth = auth
        self._read_session = read_session
        self._open_prefixes = open_prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope[CALLER] = await self._identify(scope)
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Caller:
        path = scope["path"]
        if path == "/api" or path.startswith("/api/"):
            return await self._identify_bearer(scope)
        if path.startswith(self._open_prefixes):
            return _ANONYMOUS
        return await self._identify_browser(scope)

    async def _identify_bearer(self, scope: Scope) -> Caller:
        """The sender of a bearer token (RFC 6750 section 2.1): in the header alone, never in the query."""
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = values[0].decode("latin-1").partition(" ") if values else ("", "", "")
        if scheme.lower() != "bearer":
            return _ANONYMOUS
        if len(values) > 1:  # two proxies, or an attacker, disagree about who this is
            return Caller(error=TokenInvalid())
        token = token.strip(" ")
        try:
            if token.startswith(PREFIX):
                return Caller(await self._auth.personal_tokens.authenticate(token))
            try:
                return Caller(self._auth.sessions.authenticate(token))
            except TokenInvalid:  # and for no other reason: one of ours that ended is nothing else
                return Caller(await self._auth.earlier_tokens.authenticate(token))
        except AuthError as error:
            return Caller(error=error)

    async def _identify_browser(self, scope: Scope) -> Caller:
        """The owner of Flask's session, whose access token is renewed here and now if its time is over."""
        token = self._read_session(scope)
        if token is None:
            return _ANONYMOUS
        try:
            try:
                return Caller(self._auth.sessions.authenticate(token))
            except TokenNotCurrent as stale:
                pair = await self._auth.renewals.renew(stale.principal)
                return Caller(pair.principal, renewed=pair.access_token)
        except AuthError as error:
            return Caller(error=error)
