"""The pages to log in, to log out, and to prove the password again."""

from __future__ import annotations

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response

from app.auth.errors import TryLater
from app.auth.models import TokenPair
from app.auth.policy import public
from app.bridge import slow
from app.web.context import caller, current_client, current_principal, duet, get_auth, optional_principal, wait
from app.web.cookies import begin_session, forget_session, keep_login, write_devices
from app.web.forms import Answer, LoginForm, PasswordForm, form_page, shown_on
from app.web.redirects import safe_target, see_other

blueprint = Blueprint("auth", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def login() -> Answer:
    """Asks for an email address and a password, and leads to where the person was going."""
    auth, form = get_auth(), LoginForm()
    if not form.is_submitted() and optional_principal() is not None:
        return see_other(safe_target())
    if form.validate_on_submit():
        with shown_on(form):
            pair = wait(auth.sessions.log_in(form.email.data, form.password.data, current_client()))
            return _begin(pair)
    target = safe_target()
    return form_page(
        "login.html",
        form,
        failed=401,
        next=target if target != url_for("home.home") else None,
        registration_open=auth.registration.is_open,
        verification=auth.config.require_verified_email,
    )


def _begin(pair: TokenPair) -> Response:
    """Starts a new session, which keeps nothing of the one before, such as a planted CSRF token (V7.2.4)."""
    client, previous = current_client(), optional_principal()
    if previous is not None:
        wait(get_auth().endings.log_out(previous, client))
    begin_session(pair.access_token)
    answer = see_other(safe_target())
    # Auth only knows ids that it made itself: one that somebody planted here belongs to nobody.
    devices = (pair.device, *client.devices) if pair.device else client.devices
    if devices:
        write_devices(answer, devices, is_https=duet().is_https)
    return answer


@blueprint.post("/logout")
@public
def logout() -> Answer:
    """Ends the session, here and everywhere that it was copied to."""
    principal = optional_principal()
    if principal is not None:
        wait(get_auth().endings.log_out(principal, current_client()))
    elif isinstance(error := caller().error, TryLater):
        raise error  # without the store, the session has not ended, and the person must know that
    forget_session()
    flash("You are logged out.", "success")
    return see_other(url_for("auth.login"))


@blueprint.route("/reauthenticate", methods=["GET", "POST"])
@slow(methods=("POST",))
def reauthenticate() -> Answer:
    """Asks for the password again before a sensitive act, and then goes on."""
    form = PasswordForm()
    is_unsent = bool(request.values.get("unsent"))
    if form.validate_on_submit():
        with shown_on(form):
            sessions = get_auth().sessions
            pair = wait(sessions.confirm_password(current_principal, form.password.data, current_client()))
            keep_login(pair.access_token)
            if is_unsent:
                flash("Thank you. What you sent before was not done yet: please send it again.", "info")
            return see_other(safe_target())
    return form_page("reauthenticate.html", form, next=safe_target(), unsent=is_unsent)
