"""The caller's own account: profile, email address, password and deletion."""

from __future__ import annotations

from flask import Blueprint, flash, url_for

from app.bridge import slow
from app.web.context import current_client, current_principal, current_user, get_auth, wait
from app.web.cookies import forget_session
from app.web.forms import (
    Answer,
    ChangeEmailForm,
    ChangePasswordForm,
    PasswordForm,
    ProfileForm,
    form_page,
    shown_on,
)
from app.web.redirects import see_other

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.route("", methods=["GET", "POST"])
def profile() -> Answer:
    """Shows the account, and changes its name."""
    user = current_user()
    form = ProfileForm(obj=user)
    if form.validate_on_submit():
        with shown_on(form):
            wait(get_auth().accounts.rename(user.id, form.name.data or ""))
            flash("Your name was saved.", "success")
            return see_other(url_for("account.profile"))
    return form_page("account/profile.html", form, user=user)


@blueprint.post("/resend-verification")
def resend() -> Answer:
    """Mails a new link that confirms the caller's email address."""
    wait(get_auth().addresses.resend(current_user().email, current_client()))
    flash("A new link is on its way to you.", "success")
    return see_other(url_for("account.profile"))


@blueprint.route("/email", methods=["GET", "POST"])
@slow(methods=("POST",))
def email() -> Answer:
    """Changes the email address. The new one counts once the link that is mailed to it is followed."""
    form = ChangeEmailForm()
    if form.validate_on_submit():
        with shown_on(form):
            address, password = form.email.data, form.password.data
            addresses = get_auth().addresses
            wait(addresses.request_change(current_principal, password, address, current_client()))
            flash("We mailed a link to the new address. Once you follow it, the address is changed.", "success")
            return see_other(url_for("account.profile"))
    return form_page("account/email.html", form)


@blueprint.route("/password", methods=["GET", "POST"])
@slow(methods=("POST",))
def password() -> Answer:
    """Replaces the password, given the current one."""
    auth, form = get_auth(), ChangePasswordForm()
    if form.validate_on_submit():
        with shown_on(form):
            current, new = form.current_password.data, form.new_password.data
            wait(auth.credentials.change_password(current_principal, current, new, current_client()))
            flash("Your password was changed. Your other sessions have ended.", "success")
            return see_other(url_for("account.profile"))
    return form_page("account/password.html", form, min_length=auth.config.password_min_length)


@blueprint.route("/delete", methods=["GET", "POST"])
@slow(methods=("POST",))
def delete() -> Answer:
    """Deletes the account for good."""
    form = PasswordForm()
    if form.validate_on_submit():
        with shown_on(form):
            wait(get_auth().own_account.delete(current_principal, form.password.data, current_client()))
            forget_session()
            flash("Your account was deleted.", "success")
            return see_other(url_for("auth.login"))
    return form_page("account/delete.html", form)
