"""The session's signed cookie, the access token in it, and the reader that the gate uses.

The gate decodes the cookie once per request, on the event loop. Flask takes over what the gate has read, so both
see the same session. Only Flask writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask.json.tag import TaggedJSONSerializer
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.types import Scope

from app.auth.keys import Key
from app.scope import REPEATED_COOKIES, WEB_SESSION

#: The key of the access token in the cookie.
ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - the key's name
#: Stands for a cookie that exists but does not count. It is never written to: sessions are copies.
_BROKEN: Final[dict[str, Any]] = {}


class SessionCookie:
    """Reads and signs Flask's session cookie.

    Args:
        keys: the first signs, all verify.
        is_https: whether people reach the site over https. If so, the name is `__Host-session`, which no other
            host and no page without TLS can set.
        max_age: how old a cookie may be, in seconds: as old as the longest session.
    """

    def __init__(self, keys: Sequence[Key], *, is_https: bool, max_age: int) -> None:
        self.is_https = is_https
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
        """Returns the access token in this request's session, as the gate's `SessionReader`.

        Returns None if there is no session, or if nobody is logged in with it. A cookie that does not count yields
        a text that is not a token: its owner is told that the session is invalid, and not that there is none.
        """
        values = self.read(scope)
        if values is _BROKEN:
            return ""
        token = values.get(ACCESS_TOKEN)
        return token if isinstance(token, str) else None

    def read(self, scope: Scope) -> dict[str, Any]:
        """Returns the session's values, which are empty if there is no cookie, or none that counts."""
        values: dict[str, Any] | None = scope.get(WEB_SESSION)
        if values is None:
            # Another host on the domain may have planted one of two cookies: neither is believed.
            is_repeated = self.name.encode() in scope.get(REPEATED_COOKIES, ())
            values = scope[WEB_SESSION] = _BROKEN if is_repeated else self._load(self._find(scope))
        return values

    def _find(self, scope: Scope) -> list[bytes]:
        """Returns the texts of all cookies with this name."""
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
        if len(found) > 1:  # no edge has checked this
            return _BROKEN
        try:
            values, signed_at = self.serializer.loads(found[0].strip(b'"'), return_timestamp=True)
        except (BadSignature, ValueError):
            return _BROKEN
        # This is not left to itsdangerous, which refuses a cookie from a clock that is ahead, even by a second.
        # The token inside has its own instants.
        is_young = datetime.now(UTC) - signed_at <= self._max_age
        return values if is_young and isinstance(values, dict) else _BROKEN
