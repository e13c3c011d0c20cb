"""What all forms of the pages have in common: they show what auth refuses."""

from __future__ import annotations

from typing import Final

from flask_wtf import FlaskForm
from wtforms import Field

from app.auth.errors import AuthError, LastAdmin, TooManyRequests

#: What stands above a refusal that no other spelling would mend.
_HEADINGS: Final[dict[type[AuthError], str]] = {
    LastAdmin: "That is not possible now",
    TooManyRequests: "Please wait a moment",
}


class Form(FlaskForm):  # type: ignore[misc]
    """A form that says what auth refused: at the field that it is about, or at the top."""

    form_errors: list[str]
    #: What was refused of the form as a whole, if anything. The page's status follows from it.
    refusal: AuthError | None = None

    @property
    def summary_heading(self) -> str:
        """What stands above all that is wrong; empty for the usual words."""
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
