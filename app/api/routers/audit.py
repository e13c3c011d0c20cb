"""The audit log: the caller's own, and for admins everybody's, in pages or as CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from app.api.deps import CurrentAuth, CurrentPrincipal
from app.api.guard.guard import OwnRoute
from app.api.schemas.admin import AuditFilter, AuditQuery, EventPage, OwnEventPage, PageQuery
from app.auth import audit_csv
from app.auth.errors import NotFound
from app.auth.models import ADMIN, AuditEvent, Page
from app.auth.policy import require
from app.auth.service import Auth

router = APIRouter(tags=["audit"], route_class=OwnRoute)

#: How many rows are read, and held in memory, at once.
_BATCH: Final = 100


@router.get("/users/me/audit")
async def list_own_events(
    query: Annotated[PageQuery, Query()], principal: CurrentPrincipal, auth: CurrentAuth
) -> OwnEventPage:
    """Returns what happened to the caller's account, the newest first."""
    page = await auth.audit.events(user_id=principal.user_id, cursor=query.cursor, limit=query.limit)
    return OwnEventPage.of(page, principal)


@router.get("/admin/audit")
@require(role=ADMIN)
async def list_events(query: Annotated[AuditQuery, Query()], auth: CurrentAuth) -> EventPage:
    """Returns what happened, the newest first."""
    return EventPage.of(await _events(auth, query, cursor=query.cursor, limit=query.limit))


@router.get(
    "/admin/audit.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
@require(role=ADMIN)
async def download_events(query: Annotated[AuditFilter, Query()], auth: CurrentAuth) -> Response:
    """Returns everything that the filters find, as CSV with a header line, the newest first."""
    # This is read before the answer begins, so that an outage of the store is a 503.
    first = await _events(auth, query)
    return StreamingResponse(
        _lines(auth, query, first),
        media_type=audit_csv.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{audit_csv.FILE_NAME}"'},
    )


async def _lines(auth: Auth, query: AuditFilter, page: Page[AuditEvent]) -> AsyncIterator[str]:
    """Yields the file in pieces. If the store goes away meanwhile, the answer breaks off, and looks incomplete."""
    yield audit_csv.header() + audit_csv.rows(page.items)
    while page.cursor is not None:
        page = await _events(auth, query, cursor=page.cursor)
        yield audit_csv.rows(page.items)


async def _events(auth: Auth, query: AuditFilter, *, cursor: str = "", limit: int = _BATCH) -> Page[AuditEvent]:
    user_id = query.user
    if "@" in user_id:
        try:
            user_id = (await auth.accounts.find(user_id)).id
        except NotFound:  # also for a deleted account, whose rows only keep its id
            return Page([])
    return await auth.audit.events(user_id=user_id, event=query.event, cursor=cursor, limit=limit)
