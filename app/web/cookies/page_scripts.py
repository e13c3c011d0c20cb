"""Decides when the browser's session counts on the API, for scripts of this site's pages.

A browser adds the cookie to every request that any page causes. This may be a page of another site, or of another
port of this host, which shares the cookies. So a write needs proof that a page of this origin sent it.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, Final

from itsdangerous import BadData
from starlette.types import Scope

from app.auth.errors import AuthError
from app.auth.keys import Key
from app.web.cookies.origins import own_origins
from app.web.cookies.session import SessionCookie
from app.web.flask_wtf_names import CSRF_FIELD, csrf_reader

#: Either of these may hold the page's CSRF token. They are the names that Flask-WTF accepts.
CSRF_HEADERS: Final = (b"x-csrftoken", b"x-csrf-token")
_READS: Final = frozenset({"GET", "HEAD"})
#: Stands for the method that a WebSocket does not have.
_SOCKET: Final = "WEBSOCKET"
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class SameOriginUnproven(AuthError):
    """A write has a browser's session, but no proof that a page of this site sent it (RFC 6265 section 8.2)."""

    code = "same_origin_unproven"
    message = (
        "Pages of this site send a token in X-CSRFToken, their browsers Origin or Sec-Fetch-Site: one is amiss."
    )


class PageScripts:
    """Reads the session of requests to the API, as the gate's second `SessionReader`.

    Args:
        cookie: reads Flask's cookie.
        csrf_keys: the keys of the pages' CSRF tokens. The first signs, all verify.
        public_url: where people reach the site.
    """

    def __init__(self, cookie: SessionCookie, *, csrf_keys: Sequence[Key], public_url: str) -> None:
        self._cookie = cookie
        self._public_url = public_url
        # Flask-WTF signs the tokens. Here they are verified on the event loop, where there is no Flask.
        self._csrf = csrf_reader([key.secret for key in csrf_keys])

    def access_token(self, scope: Scope) -> str | None:
        """Returns the session's access token if a page of this site may have sent this read, or sent this write.

        Returns None if there is no session, for a read from another site, and for a write or the handshake of a
        WebSocket with the cookie alone.

        Raises:
            SameOriginUnproven: a page sent this write, or opens this WebSocket, and it is not proven that it was
                one of ours.
        """
        token = self._cookie.access_token(scope)
        method = _SOCKET if scope["type"] == "websocket" else scope["method"]
        if method not in _READS | _WRITES | {_SOCKET}:
            return None
        if not token:  # no session to misuse; a broken one is reported, as on pages
            return token
        sites, origins = _values(scope, b"sec-fetch-site"), _values(scope, b"origin")
        if method == _SOCKET:
            # A script can't add a header to the handshake, so no CSRF token comes along. But the browser always
            # says whose script it is, by Origin (RFC 6455 section 10.2): cross-site WebSocket hijacking ends here.
            if origins and not self._are_ours(scope, sites, origins, allowed=("same-origin",)):
                raise SameOriginUnproven()
            return token if origins else None
        if method in _READS:
            # 'none' means that a person typed the URL. Browsers that send neither header still keep the answer
            # from other sites' scripts (same-origin policy), and the cookie out of these sites' requests (Lax).
            return token if self._are_ours(scope, sites, origins, allowed=("same-origin", "none")) else None
        proofs = [value for name in CSRF_HEADERS for value in _values(scope, name)]
        if not sites and not origins and not proofs:
            return None
        is_ours = bool(sites or origins) and self._are_ours(scope, sites, origins, allowed=("same-origin",))
        if not is_ours or len(proofs) != 1 or not self._is_of_session(proofs[0], self._cookie.read(scope)):
            raise SameOriginUnproven()
        return token

    def _are_ours(
        self, scope: Scope, sites: Sequence[str], origins: Sequence[str], *, allowed: Sequence[str]
    ) -> bool:
        """Tells whether the request's source is this site, as far as the browser names it at all."""
        scheme: str = {"ws": "http", "wss": "https"}.get(scope["scheme"]) or scope["scheme"]
        own = own_origins(self._public_url, scheme=scheme, host=next(iter(_values(scope, b"host")), ""))
        return (not sites or (len(sites) == 1 and sites[0] in allowed)) and (
            not origins or (len(origins) == 1 and origins[0].lower() in own)
        )

    def _is_of_session(self, token: str, session: dict[str, Any]) -> bool:
        """Tells whether `token` was given to a page of this very session."""
        secret = session.get(CSRF_FIELD)
        if not isinstance(secret, str) or not secret:
            return False
        try:
            signed = self._csrf.loads(token)
        except (BadData, ValueError):
            return False
        return isinstance(signed, str) and hmac.compare_digest(signed.encode(), secret.encode())


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]
