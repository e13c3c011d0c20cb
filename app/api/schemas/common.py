"""What the API takes and returns, as OpenAPI describes it. Unknown fields are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from app.auth.models import (
    MAX_EMAIL_LENGTH,
    MAX_NAME_LENGTH,
    MAX_PASSWORD_LENGTH,
    SESSIONS_PAGE,
    Principal,
    Session,
    User,
)

# Lengths that no request may exceed. Within them, auth decides what is acceptable.
Email = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_EMAIL_LENGTH,
        examples=["ada@example.com"],
        json_schema_extra={"format": "idn-email"},
    ),
]
# What ids look like. This is only a description: a text that is not an id is a 404, like any unknown id.
Id = Annotated[str, Path(json_schema_extra={"pattern": "^[A-Za-z0-9_-]{1,64}$"})]
# Longer than a name or a password may be, so that auth refuses those in its own words, and far shorter than a body
# may be. The description says what is acceptable in the end.
Name = Annotated[
    str,
    Field(
        max_length=4 * MAX_NAME_LENGTH, examples=["Ada Lovelace"], json_schema_extra={"maxLength": MAX_NAME_LENGTH}
    ),
]
Password = Annotated[
    str,
    Field(
        max_length=4 * MAX_PASSWORD_LENGTH,
        json_schema_extra={"format": "password", "maxLength": MAX_PASSWORD_LENGTH},
    ),
]


def _whole(value: Any) -> Any:
    """Returns 7 for 7.0, which is an integer in JSON Schema, and anything else as it is."""
    return int(value) if type(value) is float and value.is_integer() else value


# A number and no text, without a fraction, which may be written `7.0`.
WholeNumber = Annotated[StrictInt, BeforeValidator(_whole)]


# The end of a mailed link. This is longer than any, so that a wrong link is not a malformed request.
LinkToken = Annotated[str, Field(max_length=1024)]


class Input(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewUser(Input):
    """An account to make."""

    email: Email
    password: Password
    name: Name = ""
    invite: LinkToken | None = Field(None, description="The end of the invitation's link.")


class Profile(Input):
    """What users may change in their account without further proof."""

    name: Name


class PasswordChange(Input):
    """A new password, and the current one as proof."""

    current_password: Password
    new_password: Password


class Deletion(Input):
    """The proof that the owner deletes the account."""

    password: Password


class EmailChange(Input):
    """Another email address, and the password as proof."""

    password: Password
    email: Email


class Address(Input):
    """The email address that a mail should go to."""

    email: Email


class LinkUse(Input):
    """The end of a mailed link."""

    token: LinkToken


class PasswordReset(Input):
    """The end of a mailed link, and the password that counts from then on."""

    token: LinkToken
    password: Password


class Accepted(BaseModel):
    """What happens next. This does not reveal who has an account."""

    detail: str


class UserOut(BaseModel):
    """An account."""

    id: str
    email: str
    name: str
    roles: list[str]
    is_active: bool
    is_email_verified: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> UserOut:
        """Returns an account as its owner sees it."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            roles=list(user.roles),
            is_active=user.is_active,
            is_email_verified=user.is_email_verified,
            created_at=user.created_at,
        )


class SessionQuery(Input):
    """Selects a part of a list of sessions."""

    limit: int = Field(SESSIONS_PAGE, ge=1, le=200, description="Rows on a page.")
    cursor: str = Field(
        "", max_length=64, description="Taken from the previous page's `Link`; empty for the first."
    )


class SessionOut(BaseModel):
    """One login on one device. `last_used_at` is when it was last renewed."""

    id: str
    client_id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip: str
    user_agent: str
    current: bool

    @classmethod
    def of(cls, session: Session, caller: Principal) -> SessionOut:
        """Returns a session as its owner sees it."""
        return cls(
            id=session.id,
            client_id=session.client_id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            ip=session.ip,
            user_agent=session.user_agent,
            current=session.id == caller.session_id,
        )


class TokenAnswer(BaseModel):
    """A successful answer of the token endpoint (RFC 6749 section 5.1)."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the type's name
    expires_in: int = Field(description="Seconds.")
    refresh_token: str
    scope: str


class OAuthError(BaseModel):
    """A refusal under `/api/auth` (RFC 6749 section 5.2)."""

    error: str
    error_description: str


class InputError(BaseModel):
    """Where the input is wrong."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """A refusal elsewhere (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str | None = None
    errors: list[InputError] | None = None
