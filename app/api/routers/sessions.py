"""`/api/users/me/sessions`: the caller's logins, both on pages and on the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from app.api.deps import CurrentAuth, CurrentClient, CurrentPrincipal
from app.api.guard.guard import OwnRoute
from app.api.routers.paging import LINKED, linked
from app.api.schemas.common import Id, Problem, SessionOut, SessionQuery

router = APIRouter(prefix="/users/me/sessions", tags=["sessions"], route_class=OwnRoute)


@router.get("", responses=LINKED)
async def list_sessions(
    query: Annotated[SessionQuery, Query()],
    principal: CurrentPrincipal,
    auth: CurrentAuth,
    request: Request,
    response: Response,
) -> list[SessionOut]:
    """Returns the caller's live sessions, the most recently used first."""
    found = await auth.sessions.of(principal, after=query.cursor, limit=query.limit + 1)
    return [SessionOut.of(session, principal) for session in linked(found, query.limit, request, response)]


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def end_other_sessions(principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient) -> None:
    """Ends all of the caller's sessions except this one."""
    await auth.endings.end_others(principal, client)


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT, responses={404: {"model": Problem}})
async def end_session(
    session_id: Id, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Ends one of the caller's sessions, which may be this one."""
    await auth.endings.end(principal, session_id, client)
