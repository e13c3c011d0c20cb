"""Tells the script of the pages who is logged in: static/session.js thus notices a logout in another tab."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, session

from app.auth.errors import TryLater
from app.auth.policy import public
from app.web.context import caller, optional_principal

blueprint = Blueprint("presence", __name__)


@blueprint.get("/session")
@public
def show() -> dict[str, Any]:
    """Returns `{"user": id}`, or null for nobody. It changes nothing, and is a 503 while the store can't tell."""
    principal = optional_principal()
    error = caller().error
    if principal is None and isinstance(error, TryLater):
        raise error
    # A token that was renewed for this is kept until the next page asks: many tabs ask at once, even while another
    # person logs in, and a late answer must not bring back an older cookie.
    session.modified = False
    return {"user": principal.user_id if principal else None}
