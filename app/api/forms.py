"""Reads the forms of OAuth's endpoints by hand, so that every fault is answered as RFC 6749 asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from app.api.schemas.common import OAuthError
from app.bodies import OWN_FIELDS, TOO_MANY_FIELDS, TooManyFields, read_fields

FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = {"type": "string"}
NOT_EMPTY: Final = {"type": "string", "minLength": 1}
#: The refusal that every endpoint with such a form may give. The 400s vary.
UNAVAILABLE: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": OAuthError, "description": "`temporarily_unavailable`: see `Retry-After`"},
}


class FormRefused(Exception):
    """The form breaks a rule of RFC 6749.

    Args:
        error: OAuth's code for it (section 5.2).
        description: a sentence for people. It repeats nothing that was sent.
        status: the HTTP status of the answer.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        self.error = error
        self.description = description
        self.status = status
        super().__init__(description)


def described(required: list[str], **fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the OpenAPI description of a form with these fields."""
    schema = {"type": "object", "required": required, "properties": fields}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


async def read_form(request: Request) -> dict[str, str]:
    """Returns the parameters of a form, each at most once (RFC 6749 section 3.2).

    Raises:
        FormRefused: it is not a form, it has too many parameters, or one of them occurs twice.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise FormRefused("invalid_request", f"Send a form: Content-Type: {FORM}.")
    try:
        fields = read_fields(await request.body(), max_fields=OWN_FIELDS)
    except TooManyFields:
        raise FormRefused("invalid_request", TOO_MANY_FIELDS, 413) from None
    if len({name for name, _ in fields}) != len(fields):
        raise FormRefused("invalid_request", "A parameter is there more than once.")
    return dict(fields)


def required(form: Mapping[str, str], name: str) -> str:
    """Returns a parameter's value. Raises `FormRefused` if it is missing or empty, which is the same (3.1)."""
    value = form.get(name, "")
    if not value:
        raise FormRefused("invalid_request", f"The parameter {name} is missing.")
    return value
