"""The first page after the login, which shows who you are."""

from __future__ import annotations

from flask import Blueprint, render_template

from app.web.context import current_principal, current_user

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def home() -> str:
    """Shows who is logged in, and since when."""
    return render_template(
        "home.html", member_since=current_user().created_at, login_since=current_principal.auth_time
    )
