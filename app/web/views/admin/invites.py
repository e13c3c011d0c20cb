"""Admin pages about invitations: they make, list and withdraw them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, render_template, url_for

from app.auth.errors import NotFound
from app.auth.models import ADMIN, MAX_INVITE_DAYS, Link
from app.auth.policy import FRESH, require
from app.web.context import current_client, current_principal, get_auth, wait
from app.web.forms import Answer, form_page, shown_on
from app.web.redirects import see_other
from app.web.views.admin.forms import InviteForm, role_names

blueprint = Blueprint("invites", __name__)


@blueprint.get("/invites")
@require(role=ADMIN)
def index() -> Answer:
    """Shows the open invitations, and a form for another one."""
    return _page(InviteForm())


@blueprint.post("/invites")
@require(role=ADMIN, fresh=FRESH)
def make() -> Answer:
    """Makes an invitation. Only this answer holds its link: a redirect would have to put it into a cookie."""
    form = InviteForm()
    if form.validate_on_submit():
        with shown_on(form):
            made = wait(
                get_auth().invitations.invite(
                    current_principal,
                    current_client(),
                    email=(form.email.data or "").strip() or None,
                    roles=role_names(form.roles.data),
                    expires_in_days=form.expires_in_days.data,
                )
            )
            return render_template("admin/invites.html", form=InviteForm(formdata=None), **_values(made))
    return _page(form)


@blueprint.post("/invites/<link_id>/withdraw")
@require(role=ADMIN, fresh=FRESH)
def withdraw(link_id: str) -> Answer:
    """Withdraws an open invitation: its link no longer counts."""
    try:
        wait(get_auth().invitations.withdraw(link_id, current_client(), by=current_principal))
    except NotFound:
        flash("That invite was used, withdrawn or too old already.", "info")
    else:
        flash("The invite was withdrawn.", "success")
    return see_other(url_for("admin.invites.index"))


def _page(form: InviteForm) -> Answer:
    return form_page("admin/invites.html", form, **_values())


def _values(made: Link | None = None) -> dict[str, Any]:
    """Returns what the page shows beside its form: the open invitations, and the one that was just made."""
    auth = get_auth()
    return {
        "max_days": MAX_INVITE_DAYS,
        "is_open": auth.config.registration != "closed",
        "invites": wait(auth.invitations.open()),
        "made": made,
        "url": auth.invitations.url(made) if made else "",
    }
