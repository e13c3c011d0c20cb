"""Admin pages about invites: make one, see which are open, withdraw one."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, url_for
from werkzeug.wrappers import Response

from app.auth.errors import NotFound
from app.auth.models import ADMIN, Link
from app.auth.policy import FRESH, require
from app.auth.refusals import InputRefused
from app.web.context import current_client, current_principal, get_auth, wait
from app.web.forms import show
from app.web.redirects import see_other
from app.web.views.admin.forms import InviteForm, role_names

Answer = Response | str | tuple[str, int]

blueprint = Blueprint("invites", __name__)


@blueprint.get("/invites")
@require(role=ADMIN)
def index() -> Answer:
    """The open invites, and a form for another."""
    return _page(InviteForm())


@blueprint.post("/invites")
@require(role=ADMIN, fresh=FRESH)
def make() -> Answer:
    """Makes an invite. Its link stands in this one answer, and in no cookie on the way to another page."""
    form = InviteForm()
    if not form.validate_on_submit():
        return _page(form), 422
    invitations = get_auth().invitations
    try:
        made = wait(
            invitations.invite(
                current_principal,
                current_client(),
                email=(form.email.data or "").strip() or None,
                roles=role_names(form.roles.data),
                expires_in_days=form.expires_in_days.data,
            )
        )
    except InputRefused as error:
        show(form, error)
        return _page(form), 422
    return _page(InviteForm(formdata=None), made=made)


@blueprint.post("/invites/<link_id>/withdraw")
@require(role=ADMIN, fresh=FRESH)
def withdraw(link_id: str) -> Answer:
    """Makes the link of an open invite worthless."""
    try:
        wait(get_auth().invitations.withdraw(link_id, current_client(), by=current_principal))
    except NotFound:
        flash("That invite was used, withdrawn or too old already.", "info")
    else:
        flash("The invite was withdrawn.", "success")
    return see_other(url_for("admin.invites.index"))


def _page(form: InviteForm, *, made: Link | None = None) -> str:
    auth = get_auth()
    return render_template(
        "admin/invites.html",
        form=form,
        is_open=auth.config.registration != "closed",
        invites=wait(auth.invitations.open()),
        made=made,
        url=auth.invitations.url(made) if made else "",
    )
