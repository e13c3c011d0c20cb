"""Forms, and how pages show them again with what was wrong."""

from app.web.forms.form import Form, show_at
from app.web.forms.forms import (
    AddressForm,
    ChangeEmailForm,
    ChangePasswordForm,
    LoginForm,
    NewPasswordForm,
    PasswordForm,
    PlainForm,
    ProfileForm,
    RegisterForm,
    TokenForm,
)
from app.web.forms.pages import Answer, form_page, shown_on

__all__ = [
    "AddressForm",
    "Answer",
    "ChangeEmailForm",
    "ChangePasswordForm",
    "Form",
    "LoginForm",
    "NewPasswordForm",
    "PasswordForm",
    "PlainForm",
    "ProfileForm",
    "RegisterForm",
    "TokenForm",
    "form_page",
    "show_at",
    "shown_on",
]
