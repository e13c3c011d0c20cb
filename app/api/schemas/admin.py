"""What the API takes and returns for admins: pages of users, rights, invitations, the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from app.api.schemas.common import Email, Input, UserOut, WholeNumber
from app.auth.models import (
    DEFAULT_INVITE_DAYS,
    MAX_INVITE_DAYS,
    MAX_ROLE_LENGTH,
    MAX_ROLES,
    AuditEvent,
    Link,
    Page,
    Principal,
    User,
)

#: The most rows on a page.
MOST: Final = 200
Limit = Annotated[int, Field(ge=1, le=MOST, description="Rows on a page.")]
Cursor = Annotated[str, Field(description="The previous page's `next_cursor`; empty for the first page.")]
# Lengths that no request may exceed. Auth decides which names are acceptable, as the description says.
Role = Annotated[
    str, Field(max_length=100, json_schema_extra={"maxLength": MAX_ROLE_LENGTH, "pattern": "^[a-z][a-z0-9_-]*$"})
]
Roles = Annotated[
    list[Role],
    Field(max_length=100, examples=[["admin"], ["editor"], []], json_schema_extra={"maxItems": MAX_ROLES}),
]


class PageQuery(Input):
    """Selects a part of a list. Unknown parameters are refused: a misspelled filter would find everything."""

    limit: Limit = 50
    cursor: Cursor = ""


class UserQuery(PageQuery):
    """Selects users, and a part of their list."""

    query: str = Field("", max_length=400, description="The beginning of an email address, name or last name.")


class AuditFilter(Input):
    """Selects events."""

    user: str = Field("", max_length=400, description="Whom they concern: an id or an email address.")
    event: str = Field("", max_length=100, description="Their kind.", examples=["login_failed"])


class AuditQuery(AuditFilter, PageQuery):
    """Selects events, and a part of their list."""


class UserPage(BaseModel):
    """A part of the list of users."""

    items: list[UserOut]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last page.")

    @classmethod
    def of(cls, page: Page[User]) -> UserPage:
        """Returns a page as an admin sees it."""
        return cls(items=[UserOut.of(user) for user in page.items], next_cursor=page.cursor)


class RightsChange(Input):
    """What an admin may change in an account: at least one of the two."""

    is_active: StrictBool | None = None
    roles: Roles | None = Field(None, description="All roles that the account has from then on.")

    @model_validator(mode="after")
    def _something(self) -> RightsChange:
        if self.is_active is None and self.roles is None:
            raise PydanticCustomError("nothing_given", "Give is_active, roles or both.")
        return self


class NewInvite(Input):
    """Who may register, and with which roles."""

    email: Email | None = Field(
        None, description="Where the invitation is mailed to. Without it, anybody may use the link."
    )
    roles: Roles = Field(default_factory=list)
    expires_in_days: WholeNumber = Field(
        DEFAULT_INVITE_DAYS,
        description=f"1 to {MAX_INVITE_DAYS}.",
        json_schema_extra={"minimum": 1, "maximum": MAX_INVITE_DAYS},
    )


class OpenInvite(BaseModel):
    """An invitation that nobody has used yet."""

    id: str
    email: str | None
    roles: list[str]
    created_at: datetime
    created_by: str | None
    expires_at: datetime

    @classmethod
    def of(cls, link: Link) -> OpenInvite:
        """Returns an invitation as an admin sees it in the list: without its link, which is only shown once."""
        return cls(
            id=link.id,
            email=link.email or None,
            roles=list(link.roles),
            created_at=link.created_at,
            created_by=link.created_by or None,
            expires_at=link.expires_at,
        )


class InviteOut(BaseModel):
    """A new invitation, with the link to pass on."""

    id: str
    url: str
    email: str | None
    roles: list[str]
    expires_at: datetime

    @classmethod
    def of(cls, link: Link, url: str) -> InviteOut:
        """Returns an invitation as its maker sees it, once."""
        return cls(
            id=link.id, url=url, email=link.email or None, roles=list(link.roles), expires_at=link.expires_at
        )


class EventOut(BaseModel):
    """One line of the audit log: what happened, to whom, from where, and by whom if that was somebody else."""

    id: str
    at: datetime
    event: str
    user_id: str | None
    actor_id: str | None
    session_id: str | None
    ip: str
    user_agent: str
    detail: str
    repeated: int = Field(description="How many more of its kind came before the next row and got none.")

    @classmethod
    def of(cls, event: AuditEvent) -> EventOut:
        """Returns an event as an admin sees it."""
        return cls(
            id=event.id,
            at=event.at,
            event=event.event,
            user_id=event.user_id or None,
            actor_id=event.actor_id or None,
            session_id=event.session_id or None,
            ip=event.ip,
            user_agent=event.user_agent,
            detail=event.detail,
            repeated=event.repeated,
        )


class EventPage(BaseModel):
    """A part of the audit log, the newest first."""

    items: list[EventOut]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last page.")

    @classmethod
    def of(cls, page: Page[AuditEvent]) -> EventPage:
        """Returns a page as an admin sees it."""
        return cls(items=[EventOut.of(event) for event in page.items], next_cursor=page.cursor)


class OwnEventOut(BaseModel):
    """One line of the caller's audit log. If an admin did it, it says neither who nor from where."""

    id: str
    at: datetime
    event: str
    by_admin: bool
    session_id: str | None
    ip: str
    user_agent: str
    detail: str
    repeated: int = Field(description="How many more of its kind came before the next row and got none.")

    @classmethod
    def of(cls, event: AuditEvent, caller: Principal) -> OwnEventOut:
        """Returns an event as the person whom it concerns sees it."""
        by_admin = event.actor_id not in ("", caller.user_id)
        return cls(
            id=event.id,
            at=event.at,
            event=event.event,
            by_admin=by_admin,
            session_id=event.session_id or None,
            ip="" if by_admin else event.ip,
            user_agent="" if by_admin else event.user_agent,
            detail=event.detail,
            repeated=event.repeated,
        )


class OwnEventPage(BaseModel):
    """A part of the caller's audit log, the newest first."""

    items: list[OwnEventOut]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last page.")

    @classmethod
    def of(cls, page: Page[AuditEvent], caller: Principal) -> OwnEventPage:
        """Returns a page as the caller sees it."""
        return cls(items=[OwnEventOut.of(event, caller) for event in page.items], next_cursor=page.cursor)
