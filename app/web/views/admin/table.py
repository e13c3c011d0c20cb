"""The pages for admins. They do not exist for anybody else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, url_for
from werkzeug.wrappers import Response

from app.auth.models import ADMIN
from app.auth.policy import require
from app.web.context import get_table
from app.web.redirects import see_other
from app.web.views.admin import audit as admin_audit
from app.web.views.admin import invites as admin_invites
from app.web.views.admin import users as admin_users

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
# Their paths are written out, without a prefix: `/users` belongs to the team, and not to them.
for part in (admin_users.blueprint, admin_invites.blueprint, admin_audit.blueprint):
    blueprint.register_blueprint(part)


@blueprint.get("")
@require(role=ADMIN)
def index() -> Response:
    """Leads to the page where admins begin."""
    return see_other(url_for("admin.users.index"))


@blueprint.get("/routes")
@require(role=ADMIN)
def routes() -> str:
    """Shows who may call what, in both frameworks."""
    in_order = sorted(get_table(), key=lambda rule: (rule.path, rule.methods))
    return render_template("admin/routes.html", rules=in_order)


@blueprint.context_processor
def add_roles() -> dict[str, Any]:
    """Returns the roles that some page or API call requires, so that it is worth granting them."""
    return {"known_roles": sorted({role for rule in get_table() for role in rule.policy.roles} | {ADMIN})}
