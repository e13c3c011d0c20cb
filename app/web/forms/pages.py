"""How a view shows its form: new, or again with what was wrong, in the same manner on every page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flask import render_template
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from app.auth.errors import AuthError, InvalidCredentials, LastAdmin, TooManyRequests, WrongPassword
from app.auth.refusals import InputRefused
from app.web.forms.forms import show, show_at

#: What stands above a refusal that no other spelling would mend.
_HEADINGS: Final = {LastAdmin: "That is not possible now", TooManyRequests: "Please wait a moment"}

#: What a view may return.
Answer = Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]


@contextmanager
def shown_on(form: FlaskForm) -> Iterator[None]:
    """Shows on `form` what auth refuses within the block, which is left then; the view goes on behind it."""
    try:
        yield
    except WrongPassword as error:
        show_at(form["current_password" if "current_password" in form else "password"], error.message)
    except (InputRefused, InvalidCredentials, LastAdmin, TooManyRequests) as error:
        show(form, error)
        form.refusal = error
        if type(error) in _HEADINGS:
            form.summary_heading = _HEADINGS[type(error)]


def form_page(template: str, form: FlaskForm, *, failed: int = 422, **values: Any) -> Answer:
    """The page with the form: 200 if it is new, else `failed`, or what the refusal asks for.

    What was typed is there again, passwords aside: WTForms never renders those.
    """
    refusal: AuthError | None = getattr(form, "refusal", None)
    status, headers = failed if form.is_submitted() else 200, {}
    if isinstance(refusal, TooManyRequests):
        status, headers = 429, {"Retry-After": str(refusal.retry_after)}
    elif isinstance(refusal, LastAdmin):
        status = 409
    return render_template(template, form=form, **values), status, headers
