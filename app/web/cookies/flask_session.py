"""Flask's session: what views keep in it, and apart from that the login, which is in the same cookie.

A team's `session["access_token"]` is no login, and its `session.clear()` ends none: only Duet begins and ends one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import structlog
from flask import Flask, Request, Response, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import generate_csrf
from itsdangerous import URLSafeTimedSerializer
from werkzeug.http import dump_cookie

from app.scope import IN_ENVIRON
from app.web.cookies.session import ACCESS_TOKEN, SessionCookie
from app.web.flask_wtf_names import CSRF_FIELD

#: Bytes of a cookie with its attributes. Browsers drop a larger one, and with it the login.
MAX_COOKIE_BYTES: Final = 4093
#: Bytes that are left for a CSRF token, messages and a longer access token. No page of Duet's may lack room that a
#: view has taken.
_RESERVE: Final = 600
#: What Flask, Flask-WTF and Duet keep among a view's values.
_NOT_VIEWS: Final = frozenset({CSRF_FIELD, "_flashes", "_permanent"})
#: A view's key that is called like the login's has another name in the cookie.
_ALIKE: Final = re.compile(rf"~*{ACCESS_TOKEN}")

_log = structlog.get_logger(__name__)


class SessionTooLarge(RuntimeError):
    """A view put more into the session than browsers keep. The message is for its author."""


class Session(SecureCookieSession):
    """Flask's session, as views have it.

    Args:
        kept: what the cookie held.
    """

    def __init__(self, kept: Mapping[str, Any]) -> None:
        login = kept.get(ACCESS_TOKEN)
        values = {name: value for name, value in kept.items() if name != ACCESS_TOKEN}
        super().__init__({name[1:] if _ALIKE.fullmatch(name) else name: values[name] for name in values})
        self._login = login if isinstance(login, str) else None
        self._before = self._of_views()

    @property
    def login(self) -> str | None:
        """The access token, if somebody is logged in."""
        return self._login

    @login.setter
    def login(self, access_token: str | None) -> None:
        if access_token != self._login:
            self._login = access_token
            self.modified = self.accessed = True

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the window. A login does: the store decides how long its session lives."""
        return self._login is not None or bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    @property
    def has_changed_values(self) -> bool:
        """Whether a view put something in or took something out."""
        return self._of_views() != self._before

    def _of_views(self) -> dict[str, Any]:
        return {name: value for name, value in self.items() if name not in _NOT_VIEWS}

    def clear(self) -> None:
        """Removes what views keep. Forms that are open in other tabs stay valid."""
        own_half = self.get(CSRF_FIELD)
        super().clear()
        if own_half is not None:
            self[CSRF_FIELD] = own_half

    def to_keep(self) -> dict[str, Any]:
        """Returns what the cookie is to hold."""
        values = {f"~{name}" if _ALIKE.fullmatch(name) else name: value for name, value in self.items()}
        return values if self._login is None else {**values, ACCESS_TOKEN: self._login}


def keep_login(access_token: str) -> None:
    """Puts another access token of the same session into the browser's cookie."""
    cast(Session, session).login = access_token


def drop_login() -> None:
    """Takes the access token out of the browser's cookie, and leaves what else is in it."""
    cast(Session, session).login = None


def begin_session(access_token: str) -> None:
    """Begins a session of the browser's after a login. It keeps nothing of the one before."""
    _empty()
    session.permanent = True
    keep_login(access_token)


def forget_session() -> None:
    """Removes the session from the browser, after any kind of logout."""
    _empty()
    drop_login()
    generate_csrf()  # now, so that all tabs that go to the login at this moment get the same token


def _empty() -> None:
    session.clear()
    session.pop(CSRF_FIELD, None)


class SessionInterface(SecureCookieSessionInterface):
    """Flask's own sessions, read by the one reader of their cookie.

    Args:
        cookie: reads and signs the cookie.
    """

    def __init__(self, cookie: SessionCookie) -> None:
        self._cookie = cookie

    def open_session(self, app: Flask, request: Request) -> Session:
        """Returns the session that the gate has read, or reads it for a request that came without the gate."""
        scope = request.environ.get(IN_ENVIRON)
        if scope is None or "headers" not in scope:  # Flask's test client calls the app without a server
            header = request.environ.get("HTTP_COOKIE", "").encode("latin-1")
            scope = {"headers": [(b"cookie", header)]}
        return Session(self._cookie.read(scope))

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Returns what Flask signs the cookie with."""
        return self._cookie.serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Writes the cookie if the session has changed: a late answer can't bring back what a logout removed.

        Raises:
            SessionTooLarge: browsers would drop the cookie that a view made. They keep the one before.
        """
        assert isinstance(session, Session)
        if session.accessed or session.modified:
            response.vary.add("Cookie")
        if not session.modified:
            return
        kept = session.to_keep()
        value = self._cookie.serializer.dumps(kept) if kept else ""
        cookie = dump_cookie(
            self._cookie.name,
            value,
            expires=self.get_expiration_time(app, session) if kept else 0,
            max_age=None if kept else 0,
            secure=self._cookie.is_https,
            httponly=True,
            samesite="Lax",
            max_size=0,
        )
        if session.has_changed_values and len(cookie) > MAX_COOKIE_BYTES - _RESERVE:
            raise SessionTooLarge(_too_large(len(cookie), session))
        if len(cookie) <= MAX_COOKIE_BYTES:
            response.headers.add("Set-Cookie", cookie)
            return
        # A message is lost, or a new access token, which the next request renews again.
        _log.error("session_too_large", why=_too_large(len(cookie), session))


def _too_large(size: int, session: Session) -> str:
    """Says what the author of a view can do. It names keys and no values."""
    sizes = {name: len(repr(value)) for name, value in session.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    named = ", ".join(f"{name!r} ({sizes[name]} characters)" for name in largest)
    return (
        f"the session's cookie would have {size} bytes. Browsers drop one of more than {MAX_COOKIE_BYTES}, of "
        f"which Duet needs {_RESERVE}, so it was not sent. Keep large values in a database of your own, by "
        f"current_principal.user_id. The largest in the session are {named}."
    )
