"""Forms, and the pages that show them again with what is amiss."""

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
    show,
    show_at,
)
from app.web.forms.pages import Answer, form_page, shown_on

__all__ = [
    "AddressForm",
    "Answer",
    "ChangeEmailForm",
    "ChangePasswordForm",
    "LoginForm",
    "NewPasswordForm",
    "PasswordForm",
    "PlainForm",
    "ProfileForm",
    "RegisterForm",
    "TokenForm",
    "form_page",
    "show",
    "show_at",
    "shown_on",
]
