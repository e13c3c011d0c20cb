"""The pages that make an account: by registration, by an invitation, or for the first admin of a new site."""

from __future__ import annotations

from flask import Blueprint, flash, url_for
from werkzeug.wrappers import Response

from app.auth.models import User
from app.auth.policy import public
from app.bridge import slow
from app.web.context import current_client, get_auth, wait
from app.web.forms import Answer, RegisterForm, form_page, shown_on
from app.web.redirects import see_other

blueprint = Blueprint("joining", __name__)


@blueprint.route("/register", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def register() -> Answer:
    """Makes an account."""
    auth, form = get_auth(), RegisterForm()
    if not auth.registration.is_open:
        raise auth.registration.closed()
    if form.validate_on_submit():
        with shown_on(form):
            email, password, name = _typed(form)
            return _welcome(wait(auth.registration.register(email, password, name, current_client())))
    return form_page("register.html", form, min_length=auth.config.password_min_length)


@blueprint.route("/invite/<token>", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def invite(token: str) -> Answer:
    """Makes an account by an invitation. One that was mailed is only for that email address."""
    auth = get_auth()
    link = wait(auth.registration.peek_invite(token))
    form = RegisterForm()
    if link.email:
        form.email.data = link.email  # no matter what was sent
    if form.validate_on_submit():
        with shown_on(form):
            email, password, name = _typed(form)
            client = current_client()
            user = wait(auth.registration.register(email, password, name, client, invite=token))
            return _welcome(user)
    return form_page("invite.html", form, min_length=auth.config.password_min_length, link=link, token=token)


@blueprint.route("/setup/<token>", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def set_up(token: str) -> Answer:
    """Makes the first admin of a new site, by the link that was printed at the start."""
    auth, form = get_auth(), RegisterForm()
    wait(auth.registration.peek_setup(token))
    if form.validate_on_submit():
        with shown_on(form):
            email, password, name = _typed(form)
            return _welcome(wait(auth.registration.set_up(token, email, password, name, current_client())))
    return form_page("setup.html", form, min_length=auth.config.password_min_length, token=token)


def _typed(form: RegisterForm) -> tuple[str, str, str]:
    return form.email.data, form.password.data, form.name.data or ""


def _welcome(user: User | None) -> Response:
    """Leads to the login. If nothing may be revealed (None), a taken email address looks like a new one."""
    if user is None:
        flash("Almost done: please follow the link that we mailed to you. Then you can log in.", "info")
    elif user.is_email_verified:
        flash("Your account is ready. Please log in.", "success")
    else:
        flash("Your account is ready. Please log in. We mailed you a link to confirm your address.", "success")
    return see_other(url_for("auth.login"))
