"""Shows a view's form in the same way on every page: new, or again with what was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import render_template
from werkzeug.wrappers import Response
from wtforms import Field

from app.auth.errors import InvalidCredentials, LastAdmin, TooManyRequests, WrongPassword
from app.auth.refusals import InputRefused
from app.web.forms.form import Form, show_at

#: What a view may return.
Answer = Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]


@contextmanager
def shown_on(form: Form, *, at: Field | None = None) -> Iterator[None]:
    """Shows on `form` what auth refuses within the block. The block then ends, and the view goes on after it.

    Args:
        form: the form whose fields the refusals name.
        at: the field at which to show a refusal that names none. Without it, such a refusal is shown at the top.
    """
    try:
        yield
    except WrongPassword as error:
        show_at(form["current_password" if "current_password" in form else "password"], error.message)
    except (InputRefused, InvalidCredentials, LastAdmin, TooManyRequests) as error:
        form.refuse(error, at=at)


def form_page(template: str, form: Form, *, failed: int = 422, **values: Any) -> Answer:
    """Returns the page with the form: 200 if it is new, else `failed`, or the status of the form's own refusal.

    It shows again what was typed, except for passwords, which WTForms never renders.
    """
    status, headers = failed if form.is_submitted() else 200, {}
    if isinstance(form.refusal, TooManyRequests):
        status, headers = 429, {"Retry-After": str(form.refusal.retry_after)}
    elif isinstance(form.refusal, LastAdmin):
        status = 409
    return render_template(template, form=form, **values), status, headers
