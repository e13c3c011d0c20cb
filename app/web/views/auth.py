"""Logging in and out, making an account, and proving the password again."""

from __future__ import annotations

from flask import Blueprint, flash, g, render_template, session, url_for
from werkzeug.wrappers import Response

from app.auth.errors import InputRefused, InvalidCredentials, RegistrationClosed, TryLater, WrongPassword
from app.auth.models import TokenPair
from app.auth.policy import public
from app.bridge import slow
from app.web.context import current_client, current_principal, get_auth, optional_principal, wait
from app.web.forms import LoginForm, PasswordForm, RegisterForm, show, show_at
from app.web.redirects import safe_target, see_other
from app.web.session import ACCESS_TOKEN

Answer = Response | str | tuple[str, int]

blueprint = Blueprint("auth", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def login() -> Answer:
    """Asks for address and password, and leads to where the person was going."""
    form = LoginForm()
    if not form.is_submitted() and optional_principal() is not None:
        return see_other(safe_target())
    if form.validate_on_submit():
        try:
            pair = wait(get_auth().sessions.log_in(form.email.data, form.password.data, current_client()))
        except InvalidCredentials as error:
            form.form_errors = [error.message]
            return _login_page(form, 401)
        _begin(pair)
        return see_other(safe_target())
    return _login_page(form, 401 if form.is_submitted() else 200)


def _login_page(form: LoginForm, status: int) -> Answer:
    target = safe_target()
    page = render_template(
        "login.html",
        form=form,
        next=target if target != url_for("home.home") else None,
        registration_open=get_auth().accounts.is_registration_open,
    )
    return page, status


def _begin(pair: TokenPair) -> None:
    """Starts a new session: nothing of what was in it before, a planted CSRF token among it, goes on (V7.2.4)."""
    previous = optional_principal()
    if previous is not None:
        wait(get_auth().sessions.log_out(previous, current_client()))
    session.clear()
    session.permanent = True  # the cookie outlives the window; how long the session lives, the store decides
    session[ACCESS_TOKEN] = pair.access_token


@blueprint.post("/logout")
@public
def logout() -> Answer:
    """Ends the session, here and everywhere it was copied to."""
    principal = optional_principal()
    if principal is not None:
        wait(get_auth().sessions.log_out(principal, current_client()))
    elif isinstance(g.caller.error, TryLater):
        raise g.caller.error  # without the store nothing is ended, so the person must not believe that it is
    session.clear()
    flash("You are logged out.", "success")
    return see_other(url_for("auth.login"))


@blueprint.route("/register", methods=["GET", "POST"])
@slow(methods=("POST",))
@public
def register() -> Answer:
    """Makes an account."""
    auth = get_auth()
    if not auth.accounts.is_registration_open:
        raise RegistrationClosed()
    form = RegisterForm()
    if form.validate_on_submit():
        client = current_client()
        try:
            wait(auth.accounts.register(form.email.data, form.password.data, form.name.data or "", client))
        except InputRefused as error:
            show(form, error)
        else:
            flash("Your account is ready. Please log in.", "success")
            return see_other(url_for("auth.login"))
    status = 422 if form.is_submitted() else 200
    return render_template("register.html", form=form, min_length=auth.config.password_min_length), status


@blueprint.route("/reauthenticate", methods=["GET", "POST"])
@slow(methods=("POST",))
def reauthenticate() -> Answer:
    """Asks for the password again before a sensitive act, then goes on."""
    form = PasswordForm()
    if form.validate_on_submit():
        sessions = get_auth().sessions
        try:
            pair = wait(sessions.confirm_password(current_principal, form.password.data, current_client()))
        except WrongPassword as error:
            show_at(form.password, error.message)
        else:
            session[ACCESS_TOKEN] = pair.access_token
            return see_other(safe_target())
    status = 422 if form.is_submitted() else 200
    return render_template("reauthenticate.html", form=form, next=safe_target()), status
