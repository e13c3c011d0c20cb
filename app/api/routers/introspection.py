"""`/api/auth/introspect`: tells what a token is to callers who may know (RFC 7662)."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app.api.deps import CurrentAuth, CurrentPrincipal
from app.api.forms import NOT_EMPTY, TEXT, UNAVAILABLE, described, read_form, required
from app.api.guard.guard import OwnRoute
from app.api.schemas.common import OAuthError
from app.api.schemas.tokens import Introspected
from app.auth.policy import require

router = APIRouter(prefix="/auth", tags=["tokens"], route_class=OwnRoute)

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": OAuthError, "description": "`invalid_request`"},
    **UNAVAILABLE,
}


@router.post(
    "/introspect",
    openapi_extra=described(["token"], token=NOT_EMPTY, token_type_hint=TEXT),
    response_model=Introspected,
    responses=_ERRORS,
)
@require(reads=True)
async def introspect_token(request: Request, auth: CurrentAuth, principal: CurrentPrincipal) -> Response:
    """Tells whether an access, refresh or personal access token counts, and what it says. Admins may ask about any
    token, everybody else about their own.

    The answer is `{"active": false}` and nothing else if the token has expired, was revoked or never was a token,
    if its owner is disabled, and if it is somebody else's. `token_type` is `Bearer` for what opens the API, and
    `N_A` for a refresh token. A `token_type_hint` is accepted and changes nothing."""
    found = await auth.introspection.look_at(required(await read_form(request), "token"), principal)
    return JSONResponse(dict(found), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
