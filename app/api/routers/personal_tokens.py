"""`/api/users/me/tokens`: the caller's personal access tokens."""

from __future__ import annotations

from fastapi import APIRouter, Response, status

from app.api.deps import CurrentAuth, CurrentClient, CurrentPrincipal
from app.api.guard.guard import OwnRoute
from app.api.schemas.common import Id, Problem
from app.api.schemas.tokens import MadeToken, NewToken, TokenOut
from app.auth.policy import FRESH, require

router = APIRouter(prefix="/users/me/tokens", tags=["personal access tokens"], route_class=OwnRoute)


@router.get("")
async def list_tokens(principal: CurrentPrincipal, auth: CurrentAuth) -> list[TokenOut]:
    """Returns the caller's tokens, including expired ones, the newest first."""
    return [TokenOut.of(token) for token in await auth.personal_tokens.of(principal)]


@router.post("", status_code=status.HTTP_201_CREATED)
@require(fresh=FRESH)
async def create_token(
    new: NewToken, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient, response: Response
) -> MadeToken:
    """Makes a token for a script, which sends it as a bearer token. Only this answer holds its text."""
    token, text = await auth.personal_tokens.create(
        principal, new.name, client, expires_in_days=new.expires_in_days, read_only=new.read_only
    )
    response.headers["Cache-Control"] = "no-store"
    return MadeToken(token=text, **TokenOut.of(token).model_dump())


@router.delete("/{token_id}", status_code=status.HTTP_204_NO_CONTENT, responses={404: {"model": Problem}})
@require(fresh=FRESH)
async def remove_token(
    token_id: Id, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Removes one of the caller's tokens. It no longer counts from then on."""
    await auth.personal_tokens.remove(principal, token_id, client)
