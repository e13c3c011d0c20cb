"""The pages that make, list and remove personal access tokens."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, url_for

from app.auth.errors import NotFound
from app.auth.policy import FRESH, require
from app.web.context import current_client, current_principal, get_auth, wait
from app.web.forms import Answer, TokenForm, form_page, shown_on
from app.web.redirects import see_other

blueprint = Blueprint("personal_tokens", __name__, url_prefix="/account/tokens")


@blueprint.get("")
def index() -> Answer:
    """Shows the caller's tokens, and a form for another one."""
    return _page(TokenForm())


@blueprint.post("")
@require(fresh=FRESH)
def create() -> Answer:
    """Makes a token, and shows it only in this answer: a redirect would have to keep it somewhere."""
    form = TokenForm()
    if form.validate_on_submit():
        with shown_on(form):
            token, secret = wait(
                get_auth().personal_tokens.create(
                    current_principal,
                    form.name.data,
                    current_client(),
                    expires_in_days=form.expires_in_days.data,
                    read_only=form.read_only.data,
                )
            )
            return render_template("account/token_made.html", token=token, secret=secret)
    return _page(form)


@blueprint.post("/<token_id>/remove")
@require(fresh=FRESH)
def remove(token_id: str) -> Answer:
    """Removes a token: it no longer opens anything."""
    try:
        wait(get_auth().personal_tokens.remove(current_principal, token_id, current_client()))
    except NotFound:
        flash("That token was removed already.", "info")
    else:
        flash("The token was removed.", "success")
    return see_other(url_for("personal_tokens.index"))


def _page(form: TokenForm) -> Answer:
    auth = get_auth()
    now = auth.clock.now()
    return form_page(
        "account/tokens.html",
        form,
        tokens=wait(auth.personal_tokens.of(current_principal)),
        now=now,
        # The page says so before somebody fills in the form in vain.
        asks_password=now - current_principal.auth_time > FRESH,
    )
