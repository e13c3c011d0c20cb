"""Shows where the caller is logged in, and ends sessions."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, render_template, request, url_for

from app.auth.errors import NotFound
from app.auth.models import Principal, Session
from app.auth.service import Auth
from app.web.context import current_client, current_principal, get_auth, wait
from app.web.cookies import forget_session
from app.web.forms import Answer
from app.web.redirects import see_other

#: How many sessions one page shows.
PAGE_SIZE: Final = 50

blueprint = Blueprint("sessions", __name__, url_prefix="/account/sessions")


@blueprint.get("")
def index() -> Answer:
    """Shows the caller's sessions, this one first, and then the others in the order of their last use."""
    auth, cursor = get_auth(), request.args.get("cursor", "")
    found, own = wait(_page(auth, current_principal, cursor))
    others = [one for one in found[:PAGE_SIZE] if one.id != current_principal.session_id]
    return render_template(
        "account/sessions.html",
        sessions=[*([own] if own and not cursor else []), *others],
        next=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        is_first=not cursor,
        current=current_principal.session_id,
        now=auth.clock.now(),
    )


async def _page(auth: Auth, principal: Principal, cursor: str) -> tuple[list[Session], Session | None]:
    """Returns the sessions of a page and one more, and the caller's own, if it is to be shown on that page."""
    found = await auth.sessions.of(principal, after=cursor, limit=PAGE_SIZE + 1)
    own = next((one for one in found if one.id == principal.session_id), None)
    if own is None and not cursor:
        own = await auth.sessions.own(principal)
    return found, own


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
