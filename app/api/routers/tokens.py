"""`/api/auth`: tokens by password and by refresh (RFC 6749), and their revocation (RFC 7009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from app.api.deps import CurrentAuth, CurrentClient
from app.api.problems import oauth_error
from app.api.schemas import OAuthError, TokenAnswer
from app.auth.models import Client, TokenPair
from app.auth.personal_tokens import PREFIX
from app.auth.policy import public
from app.auth.service import Auth

router = APIRouter(prefix="/auth", tags=["tokens"])


class _BadRequest(Exception):
    def __init__(self, error: str, description: str) -> None:
        self.answer = oauth_error(400, error, description)


def _form(required: list[str], **fields: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a form that is read by hand, so that its errors are OAuth's."""
    schema = {"type": "object", "required": required, "properties": fields}
    return {
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    }


_TEXT: Final = {"type": "string"}
_NOT_EMPTY: Final = {"type": "string", "minLength": 1}
_TOKEN_FORM: Final = _form(
    ["grant_type"],
    grant_type={"type": "string", "enum": ["password", "refresh_token"]},
    username=_TEXT,
    password={"type": "string", "format": "password"},
    refresh_token=_TEXT,
    scope=_TEXT,
)
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": OAuthError, "description": "`invalid_grant`, `invalid_request` or `unsupported_grant_type`"},
    503: {"model": OAuthError, "description": "`temporarily_unavailable`: see `Retry-After`"},
}


@router.post("/token", openapi_extra=_TOKEN_FORM, response_model=TokenAnswer, responses=_ERRORS)
@public
async def issue_token(request: Request, auth: CurrentAuth, client: CurrentClient) -> Response:
    """Exchanges a password, or a refresh token, for an access token and the next refresh token."""
    try:
        pair = await _grant(await _read_form(request), auth, client)
    except _BadRequest as refusal:
        return refusal.answer
    answer = TokenAnswer(
        access_token=pair.access_token,
        expires_in=pair.expires_in,
        refresh_token=pair.refresh_token or "",
        scope=pair.principal.scope,
    )
    return JSONResponse(answer.model_dump(), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


@router.post(
    "/revoke",
    openapi_extra=_form(["token"], token=_NOT_EMPTY, token_type_hint=_TEXT),
    response_model=None,
    responses=_ERRORS,
)
@public
async def revoke_token(request: Request, auth: CurrentAuth, client: CurrentClient) -> Response:
    """Ends the session of a refresh or access token, or a personal access token itself. 200 whatever the token was
    (RFC 7009 section 2.2)."""
    try:
        token = _required(await _read_form(request), "token")
        if token.startswith(PREFIX):
            await auth.personal_tokens.revoke(token, client)
        else:
            await auth.sessions.revoke_token(token, client)
    except _BadRequest as refusal:
        return refusal.answer
    return JSONResponse({}, headers={"Cache-Control": "no-store"})


async def _grant(form: Mapping[str, str], auth: Auth, client: Client) -> TokenPair:
    grant_type = _required(form, "grant_type")
    if grant_type == "password":
        return await auth.sessions.log_in(_required(form, "username"), _required(form, "password"), client)
    if grant_type == "refresh_token":
        return await auth.sessions.refresh(_required(form, "refresh_token"), client)
    raise _BadRequest("unsupported_grant_type", "grant_type is 'password' or 'refresh_token'.")


async def _read_form(request: Request) -> dict[str, str]:
    """The parameters of a form, each at most once (RFC 6749 section 3.2)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise _BadRequest("invalid_request", "Send a form: Content-Type: application/x-www-form-urlencoded.")
    form: FormData = await request.form(max_fields=20)
    fields = form.multi_items()
    if len({name for name, _ in fields}) != len(fields):
        raise _BadRequest("invalid_request", "A parameter is there more than once.")
    return {name: value for name, value in fields if isinstance(value, str)}


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise _BadRequest("invalid_request", f"The parameter {name} is missing.")
    return value
