"""Turns errors into pages, in one place: a message and a redirect, or a page that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

import structlog
from flask import Flask, current_app, flash, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError
from jinja2 import Environment
from starlette.exceptions import HTTPException as RouteException
from werkzeug.exceptions import Aborter, HTTPException, default_exceptions
from werkzeug.wrappers import Response

from app.auth.errors import (
    AuthError,
    InvalidCredentials,
    LastAdmin,
    LinkInvalid,
    LoginStale,
    NotAuthenticated,
    NotFound,
    RegistrationClosed,
    RoleMissing,
    TokenInvalid,
    TokenMissing,
    TooManyRequests,
    TryLater,
)
from app.auth.policy import PolicyError
from app.auth.refusals import InputRefused
from app.extension import Extension
from app.scope import IN_ENVIRON, REQUEST_ID
from app.web.context import caller, current_client, drawn_for, duet, get_auth, optional_principal, wait
from app.web.cookies import drop_login, own_origins
from app.web.errors.csrf import text_of
from app.web.errors.scripts import CHALLENGE, is_htmx, is_prefetch, is_script, lead_script, page_of_script
from app.web.errors.texts import ERROR_TEXTS, LINK_TEXTS, REGISTRATION_CLOSED, ErrorText
from app.web.flask_wtf_names import CSRF_FIELD
from app.web.redirects import form_target, requested_target, see_other

SESSION_OVER = "Session expired or invalid. Please log in again."
PLEASE_LOG_IN = "Please log in."
CONFIRM = "Please confirm your password."

log = structlog.get_logger(__name__)


class ForeignOrigin(AuthError):
    """A page of another site made the browser send this request."""

    code = "foreign_origin"
    message = "This request came from another site."


class AnyStatus(Aborter):
    """Lets `abort` take every status of an error, and not only those that Werkzeug has a class for."""

    def __call__(self, code: Any, *args: Any, **given: Any) -> NoReturn:
        """Raises the exception of `code`, which may be an answer as well."""
        if isinstance(code, int) and code not in self.mapping and 400 <= code <= 599:
            error = HTTPException(*args, **given)
            error.code = code
            raise error
        super().__call__(code, *args, **given)


def add_handlers(app: Flask) -> None:
    """Registers the handlers that turn each kind of error into its page."""
    app.aborter = AnyStatus()
    app.register_error_handler(AuthError, _auth_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RouteException, _route_error)


def add_team_handlers(
    app: Flask, extensions: Sequence[Extension], owner_of: Callable[[str], Extension | None]
) -> None:
    """Registers a handler for each kind of error that an extension's `errors` names.

    Args:
        app: the pages.
        extensions: what may name some.
        owner_of: tells whose an endpoint is.

    Raises:
        PolicyError: Werkzeug's exceptions have their status already.
    """

    def answer(error: Exception) -> Response:
        owner = owner_of(request.endpoint or "")
        verdict = None if owner is None else owner.verdict_on(error)
        if verdict is None:
            raise error  # another extension's kind of error is a failure here
        status, words = verdict
        return error_page(status, text=ErrorText(_name(status), words, advice="") if words else None)

    for extension in extensions:
        for kind in extension.errors:
            if issubclass(kind, HTTPException):
                raise PolicyError(f"extension {extension.name}: errors= has {kind.__name__!r}, which has its own")
            app.register_error_handler(kind, answer)


def _auth_error(error: AuthError) -> Response:
    if isinstance(error, NotAuthenticated):
        return _to_login(error)
    if isinstance(error, LoginStale):
        return _to_reauthentication()
    if isinstance(error, TryLater):
        return _try_later(error)
    principal = caller().principal
    if isinstance(error, RoleMissing) and principal is not None:
        wait(get_auth().audit.refused(principal, error, current_client()))
    if isinstance(error, NotFound) or _is_hidden():
        return error_page(404)
    if isinstance(error, LinkInvalid):
        return error_page(400, explanation=error.message, text=LINK_TEXTS.get(request.endpoint or ""))
    if isinstance(error, RegistrationClosed) and request.blueprint == "joining":
        return error_page(403, explanation=error.message, text=REGISTRATION_CLOSED)
    if isinstance(error, InputRefused | InvalidCredentials):  # no form was there to show it
        return error_page(400, explanation=error.message)
    return error_page(409 if isinstance(error, LastAdmin) else 403, explanation=error.message)


def _try_later(error: TryLater) -> Response:
    is_limit = isinstance(error, TooManyRequests)
    page = error_page(429 if is_limit else 503, retry_after=error.retry_after)
    page.headers["Retry-After"] = str(error.retry_after)
    return page


def _to_reauthentication() -> Response:
    """Asks for the password, and then leads to the requested page, or to the page whose form was sent.

    What was sent is not kept: people see the page again, and send it themselves.
    """
    if is_script():
        return lead_script(url_for("auth.reauthenticate", next=page_of_script()), CONFIRM)
    if request.method in ("GET", "HEAD"):
        return see_other(url_for("auth.reauthenticate", next=requested_target()))
    target = form_target(own_origins(duet().public_url, scheme=request.scheme, host=request.host))
    return see_other(url_for("auth.reauthenticate", next=target, unsent=1))


def _is_hidden() -> bool:
    """Tells whether this page does not exist for a caller who may not open it: nobody learns what admins have."""
    return "admin" in request.blueprints and optional_principal() is None


def _to_login(error: NotAuthenticated) -> Response:
    """Leads to the login, with the reason, and then back. Only a page that a person opens leaves a message."""
    # Of several parts of a page that htmx asks for, one leaves the message.
    if (is_htmx() and "_flashes" not in session) or _is_navigation():
        drop_login()  # only here: an image's request must not use up the reason
        flash(_why(error), "info" if isinstance(error, TokenMissing) else "warning")
    if is_script():
        return lead_script(url_for("auth.login", next=page_of_script()), _why(error))
    return see_other(url_for("auth.login", next=requested_target()))


def _why(error: NotAuthenticated) -> str:
    if isinstance(error, TokenMissing):
        return PLEASE_LOG_IN
    return SESSION_OVER if isinstance(error, TokenInvalid) else f"{SESSION_OVER} {error.message}"


def _is_navigation() -> bool:
    """Tells whether a person opens this page, and not a script, an image or a prefetch (Fetch Metadata)."""
    if is_prefetch() or is_script():
        return False
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _csrf_error(error: CSRFError) -> Response:
    return error_page(400, text=text_of(error))


def _http_error(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()  # a redirect, or an answer that a view made itself
    words = _words_of(error)
    page = error_page(error.code, text=ErrorText(_name(error.code), words, advice="") if words else None)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            page.headers[name] = value  # `Allow` and `Retry-After`
    return page


def _route_error(error: RouteException) -> Response:
    """Answers FastAPI's exception, which code that a team's routes and pages share may raise."""
    page = error_page(error.status_code, text=ErrorText(_name(error.status_code), str(error.detail), advice=""))
    page.headers.extend(error.headers or {})
    return page


def _words_of(error: HTTPException) -> str | None:
    """Returns the author's own words, if the view chose some."""
    usual = default_exceptions.get(error.code or 0, HTTPException).description
    given = error.description
    return None if given is None or given == usual else str(given)


def error_page(
    status: int, *, explanation: str | None = None, text: ErrorText | None = None, retry_after: int | None = None
) -> Response:
    """Returns the page for `status`, within a request: with the menu, so that people can go on from there.

    It writes no cookie, because a missing image is answered by such a page, too. So it shows no messages, and only
    has a button to log out if there is a CSRF token already. It does not use the store, which may be what failed.
    """
    request_id = request.environ.get(IN_ENVIRON, {}).get(REQUEST_ID, "")
    words = _words(status, explanation, text, retry_after, request_id)
    try:
        # If the store is away, it is unknown who is logged in, and a menu for nobody would be wrong.
        layout = "_skeleton.html" if drawn_for() is None else "base.html"
        href = url_for(text.endpoint) if text else "/"
        html = render_template(
            "error.html", layout=layout, can_log_out=CSRF_FIELD in session, action_href=href, **words
        )
    except Exception:  # what an extension adds to every page may be what fails
        log.exception("error_page_without_menu", status=status)
        html = current_app.jinja_env.get_template("error.html").render(words)
    page = Response(html, status, mimetype="text/html")
    if status == 401:
        page.headers["WWW-Authenticate"] = CHALLENGE
    return page


def draw_error(jinja: Environment, status: int, *, request_id: str = "") -> str:
    """Returns the page for `status` as HTML, without a menu. It needs no request, so the edge can use it, too.

    Args:
        jinja: renders it.
        status: the HTTP status.
        request_id: what a person may quote when asking for help.
    """
    return jinja.get_template("error.html").render(_words(status, None, None, None, request_id))


def _words(
    status: int, explanation: str | None, text: ErrorText | None, retry_after: int | None, request_id: str
) -> dict[str, Any]:
    """Returns what the page says. `explanation` and `text` replace the usual words for `status`."""
    text = text or ERROR_TEXTS.get(status) or _plain(status)
    return {
        "status": status,
        "title": text.title,
        "explanation": explanation or text.explanation,
        "advice": text.advice,
        "action": text.action,
        "retry_after": retry_after,
        "request_id": request_id,
    }


def _plain(status: int) -> ErrorText:
    return ErrorText(_name(status), "The request could not be answered.", "Go back and try another way.")


def _name(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a view may answer with an unregistered status
        return "That did not work"
