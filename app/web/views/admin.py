"""Pages for admins; for everybody else they do not exist."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template

from app.auth.policy import Rule, require


def create_blueprint(rules: Sequence[Rule]) -> Blueprint:
    """The admin pages over the policy's table, which is complete when the first request comes."""
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")

    @blueprint.get("/routes")
    @require(role="admin")
    def routes() -> str:
        """Who may call what, across both frameworks."""
        in_order = sorted(rules, key=lambda rule: (rule.path, rule.methods))
        return render_template("admin/routes.html", rules=in_order)

    return blueprint
