"""The pages that confirm an email address, by the link that was mailed to it."""

from __future__ import annotations

from flask import Blueprint, flash, url_for

from app.auth.models import LinkPurpose
from app.auth.policy import public
from app.auth.refusals import EmailTaken
from app.web.context import current_client, get_auth, optional_principal, wait
from app.web.forms import AddressForm, Answer, PlainForm, form_page, shown_on
from app.web.redirects import see_other

blueprint = Blueprint("verification", __name__)


# Opening the page does not use the link up: mail scanners follow links, but press no buttons.
@blueprint.route("/verify-email/<token>", methods=["GET", "POST"])
@public
def verify(token: str) -> Answer:
    """Confirms the email address that the link was mailed to, or changes the account's address to it."""
    addresses, form = get_auth().addresses, PlainForm()
    if form.validate_on_submit():
        try:
            wait(addresses.verify(token, current_client()))
        except EmailTaken as error:
            flash(error.message, "error")
        else:
            flash("Your e-mail address is confirmed.", "success")
        return see_other(url_for("auth.login" if optional_principal() is None else "account.profile"))
    link = wait(addresses.peek(token))
    is_change = link.purpose == LinkPurpose.CHANGE_EMAIL
    return form_page("verify_email.html", form, token=token, email=link.email, is_change=is_change)


@blueprint.route("/resend-verification", methods=["GET", "POST"])
@public
def resend() -> Answer:
    """Mails a new link. The answer is the same for every email address."""
    form = AddressForm()
    if form.validate_on_submit():
        with shown_on(form):
            wait(get_auth().addresses.resend(form.email.data, current_client()))
            flash(
                "If there is an account with this address that waits to be confirmed, a new link is on its way.",
                "info",
            )
            return see_other(url_for("auth.login"))
    return form_page("resend_verification.html", form)
