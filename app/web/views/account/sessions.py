"""Shows where the caller is logged in, and ends sessions."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, url_for

from app.auth.errors import NotFound
from app.web.context import current_client, current_principal, get_auth, wait
from app.web.cookies import forget_session
from app.web.forms import Answer
from app.web.redirects import see_other

blueprint = Blueprint("sessions", __name__, url_prefix="/account/sessions")


@blueprint.get("")
def index() -> Answer:
    """Shows the caller's sessions, this one first."""
    auth, current = get_auth(), current_principal.session_id
    found = wait(auth.sessions.of(current_principal))
    found.sort(key=lambda one: one.id != current)  # stable: the others stay in the order of their last use
    return render_template("account/sessions.html", sessions=found, current=current, now=auth.clock.now())


@blueprint.post("/<session_id>/end")
def end(session_id: str) -> Answer:
    """Ends a session. If it is this one, that is a logout."""
    endings = get_auth().endings
    if session_id == current_principal.session_id:
        wait(endings.log_out(current_principal, current_client()))
        forget_session()
        flash("You are logged out.", "success")
        return see_other(url_for("auth.login"))
    try:
        wait(endings.end(current_principal, session_id, current_client()))
    except NotFound:
        flash("That session has ended already.", "info")
    else:
        flash("The session was ended.", "success")
    return see_other(url_for("sessions.index"))


@blueprint.post("/end-others")
def end_others() -> Answer:
    """Ends all sessions except this one."""
    wait(get_auth().endings.end_others(current_principal, current_client()))
    flash("All other sessions were ended.", "success")
    return see_other(url_for("sessions.index"))
