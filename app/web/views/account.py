"""One's own account: profile, password, sessions, deletion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, render_template, session, url_for
from werkzeug.wrappers import Response

from app.auth.errors import InputRefused, NotFound, WrongPassword
from app.auth.models import WEB_CLIENT, Session
from app.bridge import slow
from app.web.context import current_client, current_principal, current_user, get_auth, wait
from app.web.forms import ChangePasswordForm, PasswordForm, ProfileForm, show, show_at
from app.web.redirects import see_other
from app.web.words import device

Answer = Response | str | tuple[str, int]

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.route("", methods=["GET", "POST"])
def profile() -> Answer:
    """Name and facts."""
    user = current_user()
    form = ProfileForm(obj=user)
    if form.validate_on_submit():
        try:
            wait(get_auth().accounts.rename(user.id, form.name.data or ""))
        except InputRefused as error:
            show(form, error)
        else:
            flash("Your name was saved.", "success")
            return see_other(url_for("account.profile"))
    status = 422 if form.is_submitted() else 200
    return render_template("account/profile.html", form=form, member_since=user.created_at), status


@blueprint.route("/password", methods=["GET", "POST"])
@slow(methods=("POST",))
def password() -> Answer:
    """A new password, for the current one."""
    auth = get_auth()
    form = ChangePasswordForm()
    if form.validate_on_submit():
        current, new = form.current_password.data, form.new_password.data
        try:
            wait(auth.accounts.change_password(current_principal, current, new, current_client()))
        except WrongPassword as error:
            show_at(form.current_password, error.message)
        except InputRefused as error:
            show(form, error)
        else:
            flash("Your password was changed. Your other sessions have ended.", "success")
            return see_other(url_for("account.profile"))
    status = 422 if form.is_submitted() else 200
    min_length = auth.config.password_min_length
    return render_template("account/password.html", form=form, min_length=min_length), status


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as the list words it."""

    id: str
    label: str
    kind: str
    ip: str
    created_at: datetime
    last_used_at: datetime
    current: bool

    @classmethod
    def of(cls, one: Session) -> SessionRow:
        """The row for a session of the caller's."""
        return cls(
            id=one.id,
            label=device(one.user_agent),
            kind="Browser" if one.client_id == WEB_CLIENT else "API client",
            ip=one.ip,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
            current=one.id == current_principal.session_id,
        )


@blueprint.get("/sessions")
def sessions() -> Answer:
    """Where one is logged in."""
    found = wait(get_auth().sessions.of(current_principal))
    return render_template("account/sessions.html", sessions=[SessionRow.of(one) for one in found])


@blueprint.post("/sessions/<session_id>/end")
def end_session(session_id: str) -> Answer:
    """Ends one session; this one too, if it is named."""
    try:
        wait(get_auth().sessions.end(current_principal, session_id, current_client()))
    except NotFound:
        flash("That session has ended already.", "info")
        return see_other(url_for("account.sessions"))
    if session_id == current_principal.session_id:
        session.clear()
        flash("You are logged out.", "success")
        return see_other(url_for("auth.login"))
    flash("The session was ended.", "success")
    return see_other(url_for("account.sessions"))


@blueprint.post("/sessions/end-others")
def end_other_sessions() -> Answer:
    """Ends all sessions but this one."""
    wait(get_auth().sessions.end_others(current_principal, current_client()))
    flash("All other sessions were ended.", "success")
    return see_other(url_for("account.sessions"))


@blueprint.route("/delete", methods=["GET", "POST"])
@slow(methods=("POST",))
def delete() -> Answer:
    """Deletes the account, for good."""
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            wait(get_auth().accounts.delete_own(current_principal, form.password.data, current_client()))
        except WrongPassword as error:
            show_at(form.password, error.message)
        else:
            session.clear()
            flash("Your account was deleted.", "success")
            return see_other(url_for("auth.login"))
    return render_template("account/delete.html", form=form), 422 if form.is_submitted() else 200
