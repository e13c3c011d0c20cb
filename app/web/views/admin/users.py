"""Admin pages about accounts: they search, show, change, log out and delete them."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from app.auth.errors import LastAdmin
from app.auth.models import ADMIN, SESSIONS_PAGE, User
from app.auth.policy import FRESH, require
from app.web.context import current_client, current_principal, get_auth, wait
from app.web.cookies import forget_session
from app.web.forms import Answer, form_page, shown_on
from app.web.redirects import see_other
from app.web.views.admin.forms import ActForm, RolesForm, role_names

#: How many accounts one page of the list shows.
PAGE_SIZE: Final = 50

blueprint = Blueprint("users", __name__)


@blueprint.get("/users")
@require(role=ADMIN)
def index() -> Answer:
    """Shows everybody, or the accounts whose email address or name begins with the query."""
    query, cursor = request.args.get("query", "").strip(), request.args.get("cursor", "")
    found = wait(get_auth().administration.search(query, cursor=cursor, limit=PAGE_SIZE))
    return render_template("admin/users.html", users=found.items, query=query, cursor=cursor, next=found.cursor)


@blueprint.get("/users/<user_id>")
@require(role=ADMIN)
def show(user_id: str) -> Answer:
    """Shows an account, and what can be done to it."""
    user = wait(get_auth().accounts.get(user_id))
    return _page(user, RolesForm(data={"roles": ", ".join(user.roles)}))


# This has the path of the page itself, so that the form can be reloaded when it is shown again.
@blueprint.post("/users/<user_id>")
@require(role=ADMIN, fresh=FRESH)
def set_roles(user_id: str) -> Answer:
    """Gives the account exactly these roles."""
    form, auth = RolesForm(), get_auth()
    if form.validate_on_submit():
        with shown_on(form, at=form.roles):
            roles = role_names(form.roles.data)
            wait(auth.administration.set_roles(user_id, roles, current_client(), by=current_principal))
            flash("The roles were saved. They count at once.", "success")
            return _back_to(user_id)
    return _page(wait(auth.accounts.get(user_id)), form)


@blueprint.post("/users/<user_id>/disable")
@require(role=ADMIN, fresh=FRESH)
def disable(user_id: str) -> Answer:
    """Disables the account, and logs it out everywhere."""
    return _set_active(user_id, False, "The account was disabled, and is logged out everywhere.")


@blueprint.post("/users/<user_id>/enable")
@require(role=ADMIN, fresh=FRESH)
def enable(user_id: str) -> Answer:
    """Enables the account again."""
    return _set_active(user_id, True, "The account was enabled.")


def _set_active(user_id: str, is_active: bool, done: str) -> Answer:
    try:
        wait(get_auth().administration.set_active(user_id, is_active, current_client(), by=current_principal))
    except LastAdmin as error:
        flash(error.message, "error")
    else:
        flash(done, "success")
    return _back_to(user_id)


@blueprint.post("/users/<user_id>/send-reset")
@require(role=ADMIN, fresh=FRESH)
def send_reset(user_id: str) -> Answer:
    """Mails the owner a link to set a new password."""
    wait(get_auth().administration.send_reset(user_id, current_client(), by=current_principal))
    flash("A link to set a new password is on its way by mail.", "success")
    return _back_to(user_id)


@blueprint.post("/users/<user_id>/end-sessions")
@require(role=ADMIN, fresh=FRESH)
def end_sessions(user_id: str) -> Answer:
    """Logs the account out everywhere."""
    ended = wait(get_auth().administration.end_sessions(user_id, current_client(), by=current_principal))
    if user_id == current_principal.user_id:
        return _good_bye("All your sessions were ended, this one too.")
    flash(f"{ended} session{' was' if ended == 1 else 's were'} ended.", "success")
    return _back_to(user_id)


@blueprint.route("/users/<user_id>/delete", methods=["GET", "POST"])
@require(role=ADMIN, fresh=FRESH)
def delete(user_id: str) -> Answer:
    """Asks for confirmation, then deletes the account for good."""
    auth, form = get_auth(), ActForm()
    user = wait(auth.accounts.get(user_id))
    if not form.validate_on_submit():
        return render_template("admin/delete.html", user=user, form=form)
    try:
        wait(auth.administration.delete(user_id, current_client(), by=current_principal))
    except LastAdmin as error:
        flash(error.message, "error")
        return _back_to(user_id)
    if user_id == current_principal.user_id:
        return _good_bye("Your account was deleted.")
    flash("The account was deleted.", "success")
    return see_other(url_for("admin.users.index"))


def _page(user: User, form: RolesForm) -> Answer:
    found = wait(get_auth().administration.sessions_of(user.id, limit=SESSIONS_PAGE + 1))
    sessions, are_all = found[:SESSIONS_PAGE], len(found) <= SESSIONS_PAGE
    return form_page("admin/user.html", form, user=user, sessions=sessions, are_all=are_all)


def _back_to(user_id: str) -> Response:
    return see_other(url_for("admin.users.show", user_id=user_id))


def _good_bye(message: str) -> Response:
    """Leads admins who logged themselves out by what they did to the login, with the reason."""
    forget_session()
    flash(message, "success")
    return see_other(url_for("auth.login"))
