"""Reads forms as the pages do, and those of OAuth's endpoints so that every fault is answered as RFC 6749 asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import HTTPException, Request
from starlette.datastructures import FormData

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


class FormRequest(Request):
    """A request whose form in `application/x-www-form-urlencoded` is read as those of pages are.

    Starlette's parser goes through its escapes in Python, on the event loop: a third of a second for a megabyte.
    """

    async def _get_form(
        self, *, max_files: float = 1000, max_fields: float = 1000, max_part_size: int = 2**20
    ) -> FormData:
        if self._form is not None or media_type(self) != FORM:
            return await super()._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        try:
            fields = read_fields(await self.body(), max_fields=max_fields)
        except TooManyFields:
            raise HTTPException(400, TOO_MANY_FIELDS) from None
        if any(len(name) + len(value) > max_part_size for name, value in fields):
            raise HTTPException(400, "A field of the form is too large.")
        self._form = FormData([*fields])
        return self._form


def media_type(request: Request) -> str:
    """Returns the request's media type, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def described(required: list[str], **fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the OpenAPI description of a form with these fields."""
    schema = {"type": "object", "required": required, "properties": fields}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


async def read_form(request: Request) -> dict[str, str]:
    """Returns the parameters of a form, each at most once (RFC 6749 section 3.2).

    Raises:
        FormRefused: it is not a form, it has too many parameters, or one of them occurs twice.
    """
    if media_type(request) != FORM:
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
