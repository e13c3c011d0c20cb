"""The forms of the pages. What is acceptable, auth decides; a form shows what was wrong."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from app.auth.errors import InputRefused


def _needed(message: str) -> list[Any]:
    return [DataRequired(message), Length(max=4096, message="That is too long.")]


class LoginForm(FlaskForm):  # type: ignore[misc]
    """E-mail and password."""

    email = StringField("E-mail", validators=_needed("Please enter your e-mail address."))
    password = PasswordField("Password", validators=_needed("Please enter your password."))


class RegisterForm(FlaskForm):  # type: ignore[misc]
    """A new account."""

    email = StringField("E-mail", validators=_needed("Please enter your e-mail address."))
    name = StringField("Name", validators=[Length(max=400, message="That is too long.")])
    password = PasswordField("Password", validators=_needed("Please choose a password."))


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The password again, before a sensitive act."""

    password = PasswordField("Password", validators=_needed("Please enter your password."))


class ChangePasswordForm(FlaskForm):  # type: ignore[misc]
    """The current password and a new one."""

    current_password = PasswordField("Current password", validators=_needed("Please enter your current password."))
    new_password = PasswordField("New password", validators=_needed("Please choose a new password."))


class ProfileForm(FlaskForm):  # type: ignore[misc]
    """What a person may change of themselves without more ado."""

    name = StringField("Name", validators=[Length(max=400, message="That is too long.")])


def show(form: FlaskForm, error: InputRefused) -> None:
    """Shows a refusal of auth at the field that it is about."""
    show_at(form[error.field], error.message)


def show_at(field: Field, message: str) -> None:
    """Shows `message` at `field`."""
    field.errors = [*field.errors, message]
