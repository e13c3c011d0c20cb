"""The forms of the pages. Auth decides what is acceptable; a form shows what was wrong."""

from __future__ import annotations

from typing import Any, Final

from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.auth.models import DEFAULT_TOKEN_DAYS, MAX_NAME_LENGTH, MAX_PASSWORD_LENGTH, MAX_TOKEN_DAYS
from app.web.forms.form import Form

# A form accepts more than is valid, so that auth refuses it in its own words, but far less than a body may hold.
TOO_LONG: Final = "That is too long."


def _needed(message: str) -> list[Any]:
    return [DataRequired(message), Length(max=4 * MAX_PASSWORD_LENGTH, message=TOO_LONG)]


def _email(label: str = "E-mail") -> StringField:
    return StringField(label, validators=_needed("Please enter your e-mail address."))


def _name() -> StringField:
    return StringField("Name", validators=[Length(max=4 * MAX_NAME_LENGTH, message=TOO_LONG)])


def _own_password() -> PasswordField:
    return PasswordField("Password", validators=_needed("Please enter your password."))


class PlainForm(Form):
    """A button: nothing but the CSRF token."""


class LoginForm(Form):
    """An email address and a password."""

    email = _email()
    password = _own_password()


class RegisterForm(Form):
    """A new account."""

    email = _email()
    name = _name()
    password = PasswordField("Password", validators=_needed("Please choose a password."))


class AddressForm(Form):
    """The email address that a mail should go to."""

    email = _email()


class ChangeEmailForm(Form):
    """A new email address, and the password."""

    email = StringField("New e-mail", validators=_needed("Please enter your new e-mail address."))
    password = _own_password()


class PasswordForm(Form):
    """The password again, before a sensitive act."""

    password = _own_password()


class NewPasswordForm(Form):
    """A new password for a person who forgot the old one."""

    new_password = PasswordField("New password", validators=_needed("Please choose a new password."))


class ChangePasswordForm(NewPasswordForm):
    """The current password and a new one."""

    current_password = PasswordField("Current password", validators=_needed("Please enter your current password."))


class ProfileForm(Form):
    """What people may change in their account without further proof."""

    name = _name()


class TokenForm(Form):
    """A new personal access token."""

    name = StringField("Name", validators=_needed("Please give the token a name."))
    expires_in_days = SelectField(
        "Expires after",
        choices=[
            SelectChoice(7, "7 days"),
            SelectChoice(30, "30 days"),
            SelectChoice(DEFAULT_TOKEN_DAYS, f"{DEFAULT_TOKEN_DAYS} days"),
            SelectChoice(MAX_TOKEN_DAYS, "1 year"),
        ],
        default=DEFAULT_TOKEN_DAYS,
        coerce=int,
    )
    read_only = BooleanField("Read only")
