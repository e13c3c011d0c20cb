"""What the API takes and gives about personal access tokens."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, StrictBool, StrictInt

from app.api.schemas import Input, Name
from app.auth.models import PersonalToken
from app.auth.personal_tokens import DEFAULT_DAYS, MAX_DAYS


class NewToken(Input):
    """A personal access token to be made."""

    name: Name = Field(examples=["nightly report"], json_schema_extra={"minLength": 1})
    expires_in_days: StrictInt = Field(
        DEFAULT_DAYS, description=f"1 to {MAX_DAYS}.", json_schema_extra={"minimum": 1, "maximum": MAX_DAYS}
    )
    read_only: StrictBool = Field(False, description="Refused for everything but GET, HEAD and OPTIONS.")


class TokenOut(BaseModel):
    """A personal access token, without the token itself. `last_used_at` is right to the minute."""

    id: str
    name: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    read_only: bool

    @classmethod
    def of(cls, token: PersonalToken) -> TokenOut:
        """A token as its owner sees it."""
        return cls(
            id=token.id,
            name=token.name,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            read_only=token.read_only,
        )


class MadeToken(TokenOut):
    """A new personal access token, with its text, which is shown here and never again."""

    token: str = Field(examples=["duet_pat_…"])
