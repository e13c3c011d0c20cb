"""`/api/admin/users` and `/api/admin/invites`: how admins manage accounts."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response, status

from app.api.deps import CurrentAuth, CurrentClient, CurrentPrincipal
from app.api.guard.guard import OwnRoute
from app.api.routers.paging import LINKED, linked
from app.api.schemas.admin import InviteOut, NewInvite, OpenInvite, RightsChange, UserPage, UserQuery
from app.api.schemas.common import Accepted, Id, Problem, SessionOut, SessionQuery, UserOut
from app.auth.models import ADMIN
from app.auth.policy import FRESH, require

router = APIRouter(prefix="/admin", tags=["admin"], route_class=OwnRoute)

_UNKNOWN: Final[dict[int | str, dict[str, Any]]] = {404: {"model": Problem, "description": "Nobody has this id"}}
_LAST_ADMIN: Final[dict[int | str, dict[str, Any]]] = {
    **_UNKNOWN,
    409: {"model": Problem, "description": "`last_admin`: nobody could administer the site any more"},
}


@router.get("/users")
@require(role=ADMIN)
async def list_users(query: Annotated[UserQuery, Query()], auth: CurrentAuth) -> UserPage:
    """Returns a page of the users whose email address, name or last name begins with `query`."""
    return UserPage.of(await auth.administration.search(query.query, cursor=query.cursor, limit=query.limit))


@router.get("/users/{user_id}", responses=_UNKNOWN)
@require(role=ADMIN)
async def read_user(user_id: Id, auth: CurrentAuth) -> UserOut:
    """Returns an account."""
    return UserOut.of(await auth.accounts.get(user_id))


@router.patch("/users/{user_id}", responses=_LAST_ADMIN)
@require(role=ADMIN, fresh=FRESH)
async def change_user(
    user_id: Id, change: RightsChange, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> UserOut:
    """Disables or enables an account, or replaces its roles. This takes effect at once."""
    return UserOut.of(
        await auth.administration.change(
            user_id, client, is_active=change.is_active, roles=change.roles, by=principal
        )
    )


@router.delete("/users/{user_id}", status_code=status.HTTP_204_NO_CONTENT, responses=_LAST_ADMIN)
@require(role=ADMIN, fresh=FRESH)
async def delete_user(user_id: Id, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient) -> None:
    """Deletes an account for good."""
    await auth.administration.delete(user_id, client, by=principal)


@router.get("/users/{user_id}/sessions", responses={**LINKED, **_UNKNOWN})
@require(role=ADMIN)
async def list_user_sessions(
    user_id: Id,
    query: Annotated[SessionQuery, Query()],
    principal: CurrentPrincipal,
    auth: CurrentAuth,
    request: Request,
    response: Response,
) -> list[SessionOut]:
    """Returns an account's live sessions, the most recently used first. `current` marks the caller's own."""
    await auth.accounts.get(user_id)  # an unknown id is a 404, and not an account without sessions
    found = await auth.administration.sessions_of(user_id, after=query.cursor, limit=query.limit + 1)
    return [SessionOut.of(session, principal) for session in linked(found, query.limit, request, response)]


@router.delete("/users/{user_id}/sessions", status_code=status.HTTP_204_NO_CONTENT, responses=_UNKNOWN)
@require(role=ADMIN, fresh=FRESH)
async def end_user_sessions(
    user_id: Id, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Ends all sessions of an account."""
    await auth.administration.end_sessions(user_id, client, by=principal)


@router.post("/users/{user_id}/reset-password", status_code=status.HTTP_202_ACCEPTED, responses=_UNKNOWN)
@require(role=ADMIN, fresh=FRESH)
async def send_reset(
    user_id: Id, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> Accepted:
    """Mails the owner of an account a link to choose another password. Until then the old one counts."""
    await auth.administration.send_reset(user_id, client, by=principal)
    return Accepted(detail="A mail with a link is on its way, if the account is active.")


@router.post(
    "/invites",
    status_code=status.HTTP_201_CREATED,
    responses={
        403: {"model": Problem, "description": "`registration_closed`, or the caller is not an admin"},
        409: {"model": Problem, "description": "`email_taken`: somebody has that email address"},
    },
)
@require(role=ADMIN, fresh=FRESH)
async def invite(
    new: NewInvite, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> InviteOut:
    """Lets somebody register once, by a link. The answer holds it, and it is mailed if `email` is given."""
    link = await auth.invitations.invite(
        principal, client, email=new.email, roles=new.roles, expires_in_days=new.expires_in_days
    )
    return InviteOut.of(link, auth.invitations.url(link))


@router.get("/invites")
@require(role=ADMIN)
async def list_invites(auth: CurrentAuth) -> list[OpenInvite]:
    """Returns the invitations that nobody has used yet, the newest first, 200 at most, without their links."""
    return [OpenInvite.of(link) for link in await auth.invitations.open()]


@router.delete(
    "/invites/{invite_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: {"model": Problem, "description": "No open invitation has this id"}},
)
@require(role=ADMIN, fresh=FRESH)
async def withdraw_invite(
    invite_id: Id, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Withdraws an invitation: its link no longer counts."""
    await auth.invitations.withdraw(invite_id, client, by=principal)
