"""The pages for people who forgot their password."""

from __future__ import annotations

from flask import Blueprint, flash, url_for

from app.auth.clock import lasting
from app.auth.models import LIFETIMES, LinkPurpose
from app.auth.policy import public
from app.bridge import slow
from app.web.context import current_client, get_auth, wait
from app.web.cookies import forget_session
from app.web.forms import AddressForm, Answer, NewPasswordForm, form_page, shown_on
from app.web.redirects import see_other

blueprint = Blueprint("recovery", __name__)


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@public
def forgot() -> Answer:
    """Mails a link to choose a new password. The answer is the same for every email address."""
    form = AddressForm()
    if form.validate_on_submit():
        with shown_on(form):
            wait(get_auth().credentials.forgot(form.email.data, current_client()))
            flash(
                "If there is an account with this address, a link to choose a new password is on its way. "
                f"It works for {lasting(LIFETIMES[LinkPurpose.RESET_PASSWORD])}.",
                "info",
            )
            return see_other(url_for("auth.login"))
    return form_page("forgot_password.html", form)


@blueprint.route("/reset-password/<token>", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def reset(token: str) -> Answer:
    """Sets a new password, by the mailed link. This does not log anybody in."""
    auth, form = get_auth(), NewPasswordForm()
    owner = wait(auth.credentials.peek_reset(token))
    if form.validate_on_submit():
        with shown_on(form):
            wait(auth.credentials.reset(token, form.new_password.data, current_client()))
            forget_session()
            flash("Your password was changed, and you are logged out everywhere. Please log in.", "success")
            return see_other(url_for("auth.login"))
    min_length = auth.config.password_min_length
    return form_page("reset_password.html", form, token=token, owner=owner, min_length=min_length)
