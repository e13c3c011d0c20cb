"""`/api/auth`: issues tokens for a password or a refresh token (RFC 6749), and revokes them (RFC 7009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app.api.deps import CurrentAuth, CurrentClient
from app.api.forms import NOT_EMPTY, TEXT, UNAVAILABLE, FormRefused, described, read_form, required
from app.api.guard.guard import OwnRoute
from app.api.schemas.common import OAuthError, TokenAnswer
from app.auth.models import Client, TokenPair
from app.auth.policy import public
from app.auth.service import Auth

#: The grant types of the token endpoint (RFC 6749 sections 4.3 and 6).
GRANT_TYPES: Final = ("password", "refresh_token")

router = APIRouter(prefix="/auth", tags=["tokens"], route_class=OwnRoute)

_TOKEN_FORM: Final = described(
    ["grant_type"],
    grant_type={"type": "string", "enum": list(GRANT_TYPES)},
    username=TEXT,
    password={"type": "string", "format": "password"},
    refresh_token=TEXT,
    scope={"type": "string", "description": "`read`, `write` or both. If it is left out, everything."},
)
_TOKEN_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {
        "model": OAuthError,
        "description": "`invalid_grant`, `invalid_request`, `invalid_scope` or `unsupported_grant_type`",
    },
    **UNAVAILABLE,
}
_REVOKE_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": OAuthError, "description": "`invalid_request`"},
    **UNAVAILABLE,
}


@router.post("/token", openapi_extra=_TOKEN_FORM, response_model=TokenAnswer, responses=_TOKEN_ERRORS)
@public
async def issue_token(request: Request, auth: CurrentAuth, client: CurrentClient) -> Response:
    """Exchanges a password or a refresh token for an access token and the next refresh token. With `scope=read`,
    the tokens can only read. A refresh may ask for a smaller scope than the login's, for that access token alone,
    but never for a larger one."""
    pair = await _grant(await read_form(request), auth, client)
    answer = TokenAnswer(
        access_token=pair.access_token,
        expires_in=pair.expires_in,
        refresh_token=pair.refresh_token or "",
        scope=pair.principal.scope,
    )
    return JSONResponse(answer.model_dump(), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


@router.post(
    "/revoke",
    openapi_extra=described(["token"], token=NOT_EMPTY, token_type_hint=TEXT),
    response_model=None,
    responses=_REVOKE_ERRORS,
)
@public
async def revoke_token(request: Request, auth: CurrentAuth, client: CurrentClient) -> Response:
    """Ends the session of a refresh or access token, or removes a personal access token. The answer is 200 no
    matter what the token was (RFC 7009 section 2.2)."""
    token = required(await read_form(request), "token")
    await auth.bearers.revoke(token, client)
    return JSONResponse({}, headers={"Cache-Control": "no-store"})


async def _grant(form: Mapping[str, str], auth: Auth, client: Client) -> TokenPair:
    grant_type = required(form, "grant_type")
    scope = form.get("scope", "")
    if grant_type == "password":
        email, password = required(form, "username"), required(form, "password")
        return await auth.sessions.log_in(email, password, client, scope=scope)
    if grant_type == "refresh_token":
        return await auth.refreshing.refresh(required(form, "refresh_token"), client, scope=scope)
    raise FormRefused("unsupported_grant_type", "grant_type is 'password' or 'refresh_token'.")
