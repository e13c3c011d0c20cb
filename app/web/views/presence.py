"""Who is signed in, for the script of the pages: by it static/session.js notices a log-out in another tab."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, session

from app.auth.errors import TryLater
from app.auth.policy import public
from app.web.context import optional_principal

blueprint = Blueprint("presence", __name__)


@blueprint.get("/session")
@public
def show() -> dict[str, Any]:
    """`{"user": id}`, or null for nobody. Changes nothing; 503 while the store can't tell."""
    principal = optional_principal()
    if principal is None and isinstance(g.caller.error, TryLater):
        raise g.caller.error
    # A token that was renewed for this is kept until the next page asks: many tabs ask at once, also while another
    # person logs in, and a late answer must not put an older cookie back.
    session.modified = False
    return {"user": principal.user_id if principal else None}
