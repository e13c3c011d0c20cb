"""The forms of the admin pages."""

from __future__ import annotations

import re

from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length

from app.auth.models import DEFAULT_INVITE_DAYS
from app.web.forms import Form
from app.web.forms.forms import TOO_LONG

_A_NUMBER = "Please enter a number of days."


def role_names(text: str | None) -> list[str]:
    """Returns the roles in a text with commas or spaces, each once. Auth decides whether they are acceptable."""
    return list(dict.fromkeys(re.split(r"[\s,;]+", (text or "").strip()))) if (text or "").strip() else []


class _DaysField(IntegerField):  # type: ignore[misc]
    """A number of days, in a text field. Input that is not a number is shown again as it was typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_A_NUMBER) from None


class RolesForm(Form):
    """The roles of an account."""

    roles = StringField("Roles", validators=[Length(max=1000, message=TOO_LONG)])


class InviteForm(Form):
    """Who is invited, with which roles, and for how long."""

    email = StringField("E-mail", validators=[Length(max=4096, message=TOO_LONG)])
    roles = StringField("Roles", validators=[Length(max=1000, message=TOO_LONG)])
    expires_in_days = _DaysField("Days", default=DEFAULT_INVITE_DAYS, validators=[InputRequired(_A_NUMBER)])


class ActForm(Form):
    """A button and nothing else."""
