"""`/api/users`: making an account, and the caller's own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from fastapi import APIRouter, status

from app.api.deps import CurrentAuth, CurrentClient, CurrentPrincipal
from app.api.schemas import Deletion, NewUser, PasswordChange, Problem, Profile, UserOut
from app.auth.errors import AccountDeleted, NotFound
from app.auth.policy import public

T = TypeVar("T")

router = APIRouter(prefix="/users", tags=["users"])

_INVALID: Final[dict[int | str, dict[str, Any]]] = {422: {"model": Problem}}
_WRONG_PASSWORD: Final[dict[int | str, dict[str, Any]]] = {403: {"model": Problem}, 422: {"model": Problem}}


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={403: {"model": Problem}, 409: {"model": Problem}, **_INVALID},
)
@public
async def register(new: NewUser, auth: CurrentAuth, client: CurrentClient) -> UserOut:
    """Makes an account."""
    return UserOut.of(await auth.accounts.register(new.email, new.password, new.name, client))


@router.get("/me")
async def read_me(principal: CurrentPrincipal, auth: CurrentAuth) -> UserOut:
    """The caller's account."""
    return UserOut.of(await _of_caller(auth.accounts.get(principal.user_id)))


@router.patch("/me", responses=_INVALID)
async def change_me(profile: Profile, principal: CurrentPrincipal, auth: CurrentAuth) -> UserOut:
    """Changes the caller's name."""
    return UserOut.of(await _of_caller(auth.accounts.rename(principal.user_id, profile.name)))


@router.delete("/me", status_code=status.HTTP_204_NO_CONTENT, responses=_WRONG_PASSWORD)
async def delete_me(
    proof: Deletion, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Deletes the caller's account for good."""
    await _of_caller(auth.accounts.delete_own(principal, proof.password, client))


@router.post("/me/password", status_code=status.HTTP_204_NO_CONTENT, responses=_WRONG_PASSWORD)
async def change_password(
    change: PasswordChange, principal: CurrentPrincipal, auth: CurrentAuth, client: CurrentClient
) -> None:
    """Replaces the caller's password; every other session of theirs ends."""
    await _of_caller(
        auth.accounts.change_password(principal, change.current_password, change.new_password, client)
    )


async def _of_caller(work: Awaitable[T]) -> T:
    """The result of `work` on the caller's own account. If another container deleted that a moment ago, the
    caller is nobody any more (401), rather than their account something that is not there (404)."""
    try:
        return await work
    except NotFound:
        raise AccountDeleted() from None
