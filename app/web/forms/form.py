"""What all forms have in common: they show what auth refuses."""

from __future__ import annotations

from typing import Final

from flask_wtf import FlaskForm
from wtforms import Field

from app.auth.errors import AuthError, LastAdmin, TooManyRequests

#: The headings of refusals that no different input would help against.
_HEADINGS: Final[dict[type[AuthError], str]] = {
    LastAdmin: "That is not possible now",
    TooManyRequests: "Please wait a moment",
}


class Form(FlaskForm):  # type: ignore[misc]
    """A form that shows what auth refused: at the field concerned, or at the top."""

    form_errors: list[str]
    #: The refusal that concerns the form as a whole, if any. The page's status depends on it.
    refusal: AuthError | None = None

    @property
    def summary_heading(self) -> str:
        """The heading above everything that is wrong; empty for the usual words."""
        return _HEADINGS.get(type(self.refusal), "") if self.refusal else ""

    def refuse(self, error: AuthError, *, at: Field | None = None) -> None:
        """Shows `error` at the field that it names. If it names none, it is shown at `at`, or else at the top."""
        name = getattr(error, "field", "")
        field = next((self[each] for each in (name, f"new_{name}") if each in self), at)
        if field is not None:
            show_at(field, error.message)
            return
        self.form_errors = [*self.form_errors, error.message]
        self.refusal = error


def show_at(field: Field, message: str) -> None:
    """Shows `message` at `field`."""
    field.errors = [*field.errors, message]
