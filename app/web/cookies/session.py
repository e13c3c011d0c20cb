"""Flask's session: its signed cookie, the access token in it, and the reader that the gate is handed.

The cookie is decoded once a request, on the event loop by the gate. Flask takes over what the gate read, so both
see the same session. Flask alone writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Flask, Request, session
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.types import Scope

from app.auth.keys import Key
from app.scope import IN_ENVIRON, REPEATED_COOKIES, WEB_SESSION

#: Where the access token lies in Flask's session.
ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - the key's name
#: Stands for a cookie that is there and does not count. Never written to: sessions are copies.
_BROKEN: Final[dict[str, Any]] = {}


class SessionCookie:
    """Reads and signs Flask's session cookie.

    Args:
        keys: the first signs, all verify.
        is_https: whether the site is reached over https: then the name is `__Host-session`, which no other host
            and no page without TLS can set.
        max_age: how old a cookie may be, in seconds; no older than the longest session.
    """

    def __init__(self, keys: Sequence[Key], *, is_https: bool, max_age: int) -> None:
        self.name = "__Host-session" if is_https else "session"
        self._prefix = f"{self.name}=".encode()
        self._max_age = timedelta(seconds=max_age)
        self.serializer = URLSafeTimedSerializer(
            [key.secret for key in reversed(keys)],  # itsdangerous signs with the last
            salt="duet.web-session",
            serializer=TaggedJSONSerializer(),
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def access_token(self, scope: Scope) -> str | None:
        """The access token in the session of this request: the gate's `SessionReader`.

        None where there is no session, or one of nobody's. A cookie that does not count yields a text that is no
        token, so that its owner is told that the session is invalid, and not that there was none.
        """
        values = self.read(scope)
        if values is _BROKEN:
            return ""
        token = values.get(ACCESS_TOKEN)
        return token if isinstance(token, str) else None

    def read(self, scope: Scope) -> dict[str, Any]:
        """The session's values; empty where there is no cookie, or none that counts."""
        values: dict[str, Any] | None = scope.get(WEB_SESSION)
        if values is None:
            # Of two, one may have been planted by another host on the domain: neither is believed.
            is_repeated = self.name.encode() in scope.get(REPEATED_COOKIES, ())
            values = scope[WEB_SESSION] = _BROKEN if is_repeated else self._load(self._find(scope))
        return values

    def _find(self, scope: Scope) -> list[bytes]:
        """The texts of all cookies of the name."""
        return [
            part.strip()[len(self._prefix) :]
            for name, value in scope["headers"]
            if name == b"cookie"
            for part in value.split(b";")
            if part.strip().startswith(self._prefix)
        ]

    def _load(self, found: list[bytes]) -> dict[str, Any]:
        if not found:
            return {}
        if len(found) > 1:  # the edge was not there to tell
            return _BROKEN
        try:
            values, signed_at = self.serializer.loads(found[0].strip(b'"'), return_timestamp=True)
        except (BadSignature, ValueError):
            return _BROKEN
        # Not by itsdangerous, which refuses what a clock signed that is ahead of this one, be it by a second.
        # The token inside has instants of its own.
        is_young = datetime.now(UTC) - signed_at <= self._max_age
        return values if is_young and isinstance(values, dict) else _BROKEN


def forget_session() -> None:
    """Leaves nothing of the session in the browser, after a log-out in whatever form."""
    session.clear()
    generate_csrf()  # now, so that all tabs that go to the login at this moment get the same one


class SessionInterface(SecureCookieSessionInterface):
    """Flask's own sessions, over the one reader of their cookie."""

    def __init__(self, cookie: SessionCookie) -> None:
        self._cookie = cookie

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """The session that the gate has read already, or of a request that came without one."""
        scope = request.environ.get(IN_ENVIRON)
        if scope is None or "headers" not in scope:  # Flask's test client calls the app without any server
            header = request.environ.get("HTTP_COOKIE", "").encode("latin-1")
            scope = {"headers": [(b"cookie", header)]}
        return SecureCookieSession(self._cookie.read(scope))

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """What Flask signs the cookie with."""
        return self._cookie.serializer
