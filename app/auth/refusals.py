"""Defines the errors for input that may not be stored. Each names the field that held it."""

from __future__ import annotations

from app.auth.errors import AuthError
from app.auth.models import MAX_NAME_LENGTH, MAX_ROLE_LENGTH, MAX_ROLES


class InputRefused(AuthError):
    """The value may not be stored. `field` is the name of the field that held it."""

    field: str

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        if field is not None:
            self.field = field
        super().__init__(message)


class EmailInvalid(InputRefused):
    """The text is not an email address."""

    code = "email_invalid"
    field = "email"
    message = "That is not an e-mail address."


class EmailTaken(InputRefused):
    """Another account has that email address, in some spelling."""

    code = "email_taken"
    field = "email"
    message = "There is an account with this e-mail address already."


class PasswordUnacceptable(InputRefused):
    """The new password does not meet the rules; the message says which."""

    code = "password_unacceptable"
    field = "password"


class NameInvalid(InputRefused):
    """The display name is too long or has control characters."""

    code = "name_invalid"
    field = "name"
    message = f"A name has at most {MAX_NAME_LENGTH} characters and no line breaks."


class RolesInvalid(InputRefused):
    """The names are not ones that roles can have, or there are too many."""

    code = "roles_invalid"
    field = "roles"
    message = (
        f"A role is a lower-case word of at most {MAX_ROLE_LENGTH} letters, digits, '-' and '_', "
        f"and there are {MAX_ROLES} at most."
    )


class CursorInvalid(InputRefused):
    """The cursor is not one that an earlier page gave."""

    code = "cursor_invalid"
    field = "cursor"
    message = "That cursor is not one that an earlier page gave."
