"""The links in mails under `/api/auth`, and how to get them. These routes take JSON; errors are RFC 6749's.

A request for a mail has the same answer for every email address. A link that does not count is `invalid_grant`,
like such a refresh token (RFC 6749 section 5.2). A refused password is `invalid_request`, with the reason.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, status

from app.api.deps import CurrentAuth, CurrentClient
from app.api.guard.guard import OwnRoute
from app.api.schemas.common import Accepted, Address, LinkUse, OAuthError, PasswordReset
from app.auth.policy import public

router = APIRouter(prefix="/auth", tags=["recovery"], route_class=OwnRoute)

_LATER: Final[dict[int | str, dict[str, Any]]] = {
    429: {"model": OAuthError, "description": "`slow_down`: see `Retry-After`"},
    503: {"model": OAuthError, "description": "`temporarily_unavailable`: see `Retry-After`"},
}
_MAIL: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": OAuthError, "description": "`invalid_request`: it is not an email address"},
    **_LATER,
}
_LINK: Final[dict[int | str, dict[str, Any]]] = {
    400: {
        "model": OAuthError,
        "description": "`invalid_grant`: the link does not count, or no longer; `invalid_request`: anything else",
    },
    **_LATER,
}


@router.post("/forgot-password", status_code=status.HTTP_202_ACCEPTED, responses=_MAIL)
@public
async def forgot_password(address: Address, auth: CurrentAuth, client: CurrentClient) -> Accepted:
    """Mails a link to choose another password, if an account has this email address."""
    await auth.credentials.forgot(address.email, client)
    return Accepted(detail="If there is an account with this address, a mail with a link is on its way.")


@router.post("/reset-password", status_code=status.HTTP_204_NO_CONTENT, responses=_LINK)
@public
async def reset_password(reset: PasswordReset, auth: CurrentAuth, client: CurrentClient) -> None:
    """Replaces the password by the mailed link, once. Every session and personal access token ends."""
    await auth.credentials.reset(reset.token, reset.password, client)


@router.post("/verify-email", status_code=status.HTTP_204_NO_CONTENT, responses=_LINK)
@public
async def verify_email(link: LinkUse, auth: CurrentAuth, client: CurrentClient) -> None:
    """Confirms an email address by the mailed link, once: after a registration, or after a change of address."""
    await auth.addresses.verify(link.token, client)


@router.post("/resend-verification", status_code=status.HTTP_202_ACCEPTED, responses=_MAIL)
@public
async def resend_verification(address: Address, auth: CurrentAuth, client: CurrentClient) -> Accepted:
    """Mails another link that confirms the email address, if an account waits for that."""
    await auth.addresses.resend(address.email, client)
    return Accepted(detail="If an account with this address waits for that, a mail with a link is on its way.")
