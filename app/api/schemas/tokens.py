"""What the API takes and returns for personal access tokens and introspection."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.api.schemas.common import Input, Name, WholeNumber
from app.auth.models import DEFAULT_TOKEN_DAYS, MAX_TOKEN_DAYS, SCOPE, PersonalToken


class NewToken(Input):
    """A personal access token to make."""

    name: Name = Field(examples=["nightly report"], json_schema_extra={"minLength": 1})
    expires_in_days: WholeNumber = Field(
        DEFAULT_TOKEN_DAYS,
        description=f"1 to {MAX_TOKEN_DAYS}.",
        json_schema_extra={"minimum": 1, "maximum": MAX_TOKEN_DAYS},
    )
    read_only: StrictBool = Field(False, description="It is refused for everything except GET, HEAD and OPTIONS.")


class TokenOut(BaseModel):
    """A personal access token, without the token itself. `last_used_at` is accurate to the minute."""

    id: str
    name: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    read_only: bool

    @classmethod
    def of(cls, token: PersonalToken) -> TokenOut:
        """Returns a token as its owner sees it."""
        return cls(
            id=token.id,
            name=token.name,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            read_only=token.read_only,
        )


class MadeToken(TokenOut):
    """A new personal access token, with its text, which is only shown here."""

    token: str = Field(examples=["duet_pat_…"])


class Introspected(BaseModel):
    """What is known about a token (RFC 7662 section 2.2), and what extensions add to access tokens."""

    model_config = ConfigDict(extra="allow")

    active: bool = Field(description="If it is false, there are no other members.")
    token_type: str = Field("", description="`Bearer`, or `N_A` for a refresh token.", examples=["Bearer"])
    scope: str = Field("", examples=[SCOPE])
    client_id: str = Field("", examples=["api"])
    username: str = Field("", description="The owner's email address.", examples=["ada@example.com"])
    sub: str = Field("", description="The owner's id.")
    iss: str = ""
    aud: str = ""
    exp: int = Field(0, description="Seconds since 1970.")
    iat: int = Field(0, description="Seconds since 1970.")
    jti: str = ""
    sid: str = Field("", description="The session's id.")
    auth_time: int = Field(0, description="When the password was last proven, in seconds since 1970.")
    amr: list[str] = []
    roles: list[str] = []
