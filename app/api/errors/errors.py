"""Turns errors into answers, in this one place for the whole API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app.api.deps import get_client
from app.api.errors.faults import TOO_MANY, brief, brief_pointer, listed
from app.api.errors.problems import oauth_error, problem, quotable
from app.api.errors.wording import Sent, is_broken_body, title_of, verdict_of, words_of
from app.api.forms import FormRefused
from app.auth.errors import (
    AuthError,
    InvalidCredentials,
    InvalidGrant,
    LastAdmin,
    LinkInvalid,
    LoginStale,
    NotAuthenticated,
    NotFound,
    RoleMissing,
    ScopeInvalid,
    ScopeMissing,
    TokenMissing,
    TooManyRequests,
    TryLater,
)
from app.auth.models import WRITE
from app.auth.policy import Caller, PolicyError
from app.auth.refusals import EmailTaken, InputRefused
from app.extension import Extension
from app.paths import speaks_oauth
from app.scope import CALLER, ROUTE

# Kinds of error, from the special to the general. Every other kind is a 403.
_STATUS: Final[tuple[tuple[type[AuthError], int], ...]] = (
    (NotAuthenticated, 401),
    (LoginStale, 401),
    (InvalidCredentials, 400),
    (InvalidGrant, 400),
    (ScopeInvalid, 400),
    (LinkInvalid, 400),
    (EmailTaken, 409),
    (InputRefused, 422),
    (NotFound, 404),
    (LastAdmin, 409),
    (TooManyRequests, 429),
    (TryLater, 503),
)
# The codes under `/api/auth`, from RFC 6749 section 5.2, RFC 6750 section 3.1, RFC 8628 section 3.5 (`slow_down`)
# and RFC 9470 section 3. Every other kind is an `invalid_request`.
_OAUTH_CODES: Final[tuple[tuple[type[AuthError], str], ...]] = (
    (InvalidCredentials, "invalid_grant"),
    (InvalidGrant, "invalid_grant"),
    (LinkInvalid, "invalid_grant"),
    (ScopeInvalid, "invalid_scope"),
    (TooManyRequests, "slow_down"),
    (TryLater, "temporarily_unavailable"),
    (NotAuthenticated, "invalid_token"),
    (LoginStale, "insufficient_user_authentication"),
    (RoleMissing, "insufficient_scope"),
    (ScopeMissing, "insufficient_scope"),
)


def add_handlers(app: FastAPI) -> None:
    """Registers the handlers that turn each kind of error into its answer."""
    app.add_exception_handler(AuthError, _auth_error)
    app.add_exception_handler(FormRefused, _form_refused)
    app.add_exception_handler(RequestValidationError, _invalid_input)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, leave_to_the_edge)


def add_team_handlers(app: FastAPI, owners: Mapping[str, Extension]) -> None:
    """Registers a handler for each kind of error that an extension's `errors` names.

    Args:
        app: the API.
        owners: the extensions, by the prefix of their routers with the path of the API in front of it.

    Raises:
        PolicyError: Duet answers such an error itself.
    """

    async def answer(request: Request, error: Exception) -> Response:
        route = f"{request.scope.get(ROUTE, '')}/"
        owner = next((owners[prefix] for prefix in owners if route.startswith(f"{prefix}/")), None)
        verdict = None if owner is None else owner.verdict_on(error)
        if verdict is None:
            raise error  # another extension's kind of error is a failure here
        status, words = verdict
        return problem(status, words or title_of(status))

    for extension in owners.values():
        for kind in extension.errors:
            if issubclass(kind, HTTPException | RequestValidationError):
                raise PolicyError(f"extension {extension.name}: errors= has {kind.__name__!r}, which has its own")
            app.add_exception_handler(kind, answer)


def status_of(error: AuthError) -> int:
    """Returns the HTTP status of the answer to `error`."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 403)


async def _auth_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AuthError)
    caller: Caller = request.scope[CALLER]
    status, headers = status_of(error), _headers(error, by_session=caller.by_session)
    principal = caller.principal
    if principal is not None and isinstance(error, RoleMissing | ScopeMissing):
        await request.state.auth.audit.refused(principal, error, await get_client(request))
    if speaks_oauth(request.scope["path"]):
        # There, any fault in the input is a 400 (RFC 6749 section 5.2).
        status = 400 if isinstance(error, InputRefused) else status
        return oauth_error(status, _oauth_code(error), error.message, headers=headers)
    errors = []
    if isinstance(error, InputRefused):
        errors.append({"pointer": f"/{error.field}", "detail": error.message})
    return problem(status, error.message, code=error.code, errors=errors, headers=headers)


def _headers(error: AuthError, *, by_session: bool) -> dict[str, str]:
    """Returns the challenge of RFC 6750 section 3, or the header that says when to try again."""
    if isinstance(error, TryLater):
        return {"Retry-After": str(error.retry_after)}
    # If no token was shown, the challenge does not mention one (section 3.1). If the error concerns a page's
    # session, the page's script reads the code in the body.
    is_about_session = by_session and isinstance(error, NotAuthenticated | LoginStale)
    if is_about_session or isinstance(error, TokenMissing):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, NotAuthenticated):
        return _challenge(error="invalid_token", error_description=error.message)
    if isinstance(error, LoginStale):  # RFC 9470 section 3
        max_age = int(error.max_age.total_seconds())
        return _challenge(error="insufficient_user_authentication", max_age=str(max_age))
    # Not every 403 has a challenge: a wrong password or a closed registration does not concern rights.
    if isinstance(error, ScopeMissing):  # names the scope to ask for at the next login
        return _challenge(error="insufficient_scope", error_description=error.message, scope=WRITE)
    if isinstance(error, RoleMissing):  # no scope would help
        return _challenge(error="insufficient_scope")
    return {}


def _challenge(**values: str) -> dict[str, str]:
    texts = (f'{name}="{quotable(value)}"' for name, value in values.items())
    return {"WWW-Authenticate": f"Bearer {', '.join(texts)}"}


def _oauth_code(error: AuthError) -> str:
    return next((code for kind, code in _OAUTH_CODES if isinstance(error, kind)), "invalid_request")


async def _form_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, FormRefused)
    return oauth_error(error.status, error.error, error.description)


async def _invalid_input(request: Request, error: Exception) -> Response:
    """Says where the input is wrong, but never what it was: people type passwords into the wrong field."""
    assert isinstance(error, RequestValidationError)
    faults, more = listed(error.errors())
    # A header or a cookie is among neither of the others.
    inputs = [item.get("input") for item in faults if item["loc"][:1] in (("header",), ("cookie",))]
    sent = Sent([request.path_params, request.query_params, inputs, error.body], request.scope.get("endpoint"))
    errors = [_without_input(item, sent) for item in faults]
    if speaks_oauth(request.scope["path"]):
        where = ", ".join(item["pointer"][1:] for item in errors if item["pointer"])
        description = f"Missing or malformed: {where}.{more}" if where else f"The request is malformed.{more}"
        return oauth_error(400, "invalid_request", description)
    return problem(422, f"The request is not valid.{more}", code="invalid_input", errors=errors)


def _without_input(item: dict[str, Any], sent: Sent) -> dict[str, str]:
    """Returns what is wrong, and where, but nothing of what was `sent`."""
    # The last part of an unknown field's location is its name, which was typed in as well. That of a body that is
    # not JSON is a position in it, which a pointer would call a field.
    shortened = item["type"] == "extra_forbidden" or is_broken_body(item)
    location = item["loc"][:-1] if shortened else item["loc"]
    detail = item["msg"] if item["type"] == TOO_MANY else brief(verdict_of(item, sent))
    return {"pointer": brief_pointer(_pointer(location)), "detail": detail}


def _pointer(location: Sequence[str | int]) -> str:
    """Returns a JSON pointer (RFC 6901) into the body, or a query or path parameter's name in the same form."""
    parts = location[1:] if location and location[0] in ("body", "query", "path") else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answers in the words of whoever raised `error`. Duet's own are for what no route answers."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status < 400:  # such as a redirect that a route raises
        return await http_exception_handler(request, error)
    detail, members = words_of(error.detail, status)
    given = error.headers or {}
    headers = {name: value for name, value in given.items() if name.lower() not in _OF_THE_CONTENT}
    if ROUTE not in request.scope:
        detail = _SENTENCES.get(status, detail)
    if status == 405 and (ROUTE not in request.scope or "allow" not in map(str.lower, headers)):
        headers["Allow"] = _allowed(request)
    if speaks_oauth(request.scope["path"]):
        return oauth_error(status, "invalid_request", detail, headers=headers)
    return problem(status, detail, members=members, headers=headers)


def _allowed(request: Request) -> str:
    """Returns every method of this path. The router only names the first route's (RFC 9110 section 10.2.1)."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods))


_OF_THE_CONTENT: Final = frozenset({"content-type", "content-length"})
#: What is said of the router's own refusals. A route's author chooses their own words.
_SENTENCES: Final = {
    404: "There is nothing at this address.",
    405: "This address does not take that method; the Allow header says which it takes.",
}


class _NoAnswer(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends nothing: the exception is raised again, and the edge logs it and answers, as for both halves."""


async def leave_to_the_edge(request: Request, error: Exception) -> Response:
    """Handles unexpected exceptions: it leaves the answer to the edge."""
    return _NoAnswer()
