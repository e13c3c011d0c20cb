"""The Flask app of the pages: its links are those of `PUBLIC_URL`, and what Duet set in it stays as it is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, has_request_context, request
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Request

from app.auth.policy import PolicyError, name_of

_log = structlog.get_logger(__name__)

#: What begins like this tells how the session, its cookie and the CSRF token work.
_OURS: Final = ("SECRET_KEY", "SESSION_", "WTF_CSRF_", "PERMANENT_SESSION_LIFETIME")
#: What changes the addresses of pages, or who answers their errors.
_OURS_TOO: Final = (
    "APPLICATION_ROOT",
    "PREFERRED_URL_SCHEME",
    "PROPAGATE_EXCEPTIONS",
    "SERVER_NAME",
    "TRAP_BAD_REQUEST_ERRORS",
    "TRAP_HTTP_EXCEPTIONS",
    "TRUSTED_HOSTS",
)


def logging_failures(teardown: Callable[..., object]) -> Callable[..., None]:
    """Returns `teardown`, whose failure is logged: the answer is made already, and the others must run, too."""

    @functools.wraps(teardown)
    def run(*args: object) -> None:
        try:
            teardown(*args)
        except Exception:
            _log.exception("teardown_failed", function=name_of(teardown))

    return run


class Pages(Flask):
    """Flask, with absolute links that no `Host` header of a request can change.

    A mail with a link of another host would hand its token to a stranger.

    Args:
        import_name: the package whose folder has the templates and static files.
        public_url: where people reach the site.
    """

    def __init__(self, import_name: str, *, public_url: str) -> None:
        super().__init__(import_name)
        self._public_url = urlsplit(public_url)

    def process_response(self, response: Response) -> Response:
        """Finishes an answer, even if a view has emptied the environ, which Werkzeug asks for the method."""
        request.environ.setdefault("REQUEST_METHOD", request.method)
        return super().process_response(response)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Makes what builds addresses; outside of a request as well, where Flask would need `SERVER_NAME`."""
        if request is None:
            return self.url_map.bind(self._public_url.netloc, url_scheme=self._public_url.scheme)
        return super().create_url_adapter(request)  # type: ignore[arg-type]

    def url_for(
        self, endpoint: str, *, _scheme: str | None = None, _external: bool | None = None, **values: Any
    ) -> str:
        """Returns the address of an endpoint, as Flask does; an absolute one is below `PUBLIC_URL`."""
        is_relative = _external is False or (_external is None and _scheme is None and has_request_context())
        if is_relative:
            return super().url_for(endpoint, _scheme=_scheme, _external=False, **values)
        path = super().url_for(endpoint, _external=False, **values)
        if not path.startswith("/"):  # a team's handler of endpoints that are elsewhere
            return path
        return f"{_scheme or self._public_url.scheme}://{self._public_url.netloc}{path}"

    def own_settings(self) -> dict[str, Any]:
        """Returns what Duet has set in `config` and needs as it is, and what reads and writes the session."""
        names = [name for name in self.config if name.startswith(_OURS) or name in _OURS_TOO]
        return {
            **{f"config[{name!r}]": self.config[name] for name in names},
            "session_interface": self.session_interface,
        }

    def check_unchanged(self, own_settings: dict[str, Any]) -> None:
        """Raises `PolicyError`, which names the setting, if an extension has changed one of Duet's."""
        now = self.own_settings()
        for name in now:
            if name not in own_settings or now[name] != own_settings[name]:
                raise PolicyError(
                    f"pages: an extension changed app.{name}, by which Duet protects every page. Leave it alone."
                )
