"""`/api/users`: how people make an account, and what they do with it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from fastapi import APIRouter, status
from fastapi.responses import JSONResponse, StreamingResponse

from app.api.deps import CurrentAuth, CurrentClient, CurrentPrincipal
from app.api.guard.guard import OwnRoute
from app.api.schemas.common import (
    Accepted,
    Deletion,
    EmailChange,
    NewUser,
    PasswordChange,
    Problem,
    Profile,
    UserOut,
)
from app.auth.errors import AccountDeleted, LinkInvalid, NotFound
from app.auth.policy import public
from app.auth.refusals import InputRefused

T = TypeVar("T")

router = APIRouter(prefix="/users", tags=["users"], route_class=OwnRoute)

_LATER: Final[dict[int | str, dict[str, Any]]] = {
    429: {"model": Problem, "description": "Too many tries: see `Retry-After`"},
    503: {"model": Problem, "description": "See `Retry-After`"},
}
_WRONG_PASSWORD: Final[dict[int | str, dict[str, Any]]] = {
    403: {"model": Problem, "description": "`wrong_password`"},
    **_LATER,
}
#: The same answer for a new and for a taken email address.
_LINK_MAILED: Final = Accepted(detail="A mail is on its way to this address; follow the link in it to go on.")


class _InviteInvalid(InputRefused):
    """The invitation is not ours, was used or withdrawn, or is too old."""

    code = LinkInvalid.code
    field = "invite"
    message = LinkInvalid.message


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=UserOut,
    responses={
        202: {
            "model": Accepted,
            "description": "Email addresses have to be confirmed: the answer is the same for every address",
        },
        403: {"model": Problem, "description": "`registration_closed`"},
        409: {"model": Problem, "description": "`email_taken`"},
        **_LATER,
    },
)
@public
async def register(new: NewUser, auth: CurrentAuth, client: CurrentClient) -> UserOut | JSONResponse:
    """Makes an account."""
    try:
        user = await auth.registration.register(new.email, new.password, new.name, client, invite=new.invite)
    except LinkInvalid:
        raise _InviteInvalid() from None
    if user is None:
        return JSONResponse(_LINK_MAILED.model_dump(), status.HTTP_202_ACCEPTED)
    return UserOut.of(user)


@router.get("/me")
async def read_me(principal: CurrentPrincipal, auth: CurrentAuth) -> UserOut:
    """Returns the caller's account."""
    return UserOut.of(await _of_caller(auth.accounts.get(principal.user_id)))


@router.patch("/me")
async def change_me(profile: Profile, principal: CurrentPrincipal, auth: CurrentAuth) -> UserOut:
    """Changes the caller's name."""
    return UserOut.of(await _of_caller(auth.accounts.rename(principal.user_id, profile.name)))


@router.delete(
    "/me",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={**_WRONG_PASSWORD, 409: {"model": Problem, "description": "`last_admin`"}},
)
async def delete_me(
    proof: Deletion, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Deletes the caller's account for good."""
    await _of_caller(auth.own_account.delete(principal, proof.password, client))


@router.post("/me/password", status_code=status.HTTP_204_NO_CONTENT, responses=_WRONG_PASSWORD)
async def change_password(
    change: PasswordChange, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Replaces the caller's password. Their other sessions end."""
    await _of_caller(
        auth.credentials.change_password(principal, change.current_password, change.new_password, client)
    )


@router.post("/me/email", status_code=status.HTTP_202_ACCEPTED, responses=_WRONG_PASSWORD)
async def change_email(
    change: EmailChange, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> Accepted:
    """Mails a link to another email address, which becomes the caller's when the link is followed. The old address
    gets a mail about it."""
    await _of_caller(auth.addresses.request_change(principal, change.password, change.email, client))
    return _LINK_MAILED


@router.get("/me/export", response_model=dict[str, Any])
async def export_me(principal: CurrentPrincipal, auth: CurrentAuth) -> StreamingResponse:
    """Returns everything that is kept about the caller, as a file."""
    headers = {"Content-Disposition": 'attachment; filename="duet-account.json"', "Cache-Control": "no-store"}
    pieces = await _of_caller(auth.own_account.export(principal))
    return StreamingResponse(pieces, media_type="application/json", headers=headers)


async def _of_caller(work: Awaitable[T]) -> T:
    """Returns the result of `work` on the caller's own account.

    If another container deleted the account a moment ago, the caller is no longer logged in (401). A 404 would say
    that something else is missing.
    """
    try:
        return await work
    except NotFound:
        raise AccountDeleted() from None
