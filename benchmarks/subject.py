"""The same small route and page, bare and protected, as a team's extension of Duet."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from flask import Blueprint, render_template

from app.api.deps import CurrentPrincipal
from app.auth.policy import public
from app.extension import Extension
from app.settings import Settings
from app.web import current_principal


def extension_of(settings: Settings) -> Extension:
    """A route and a page, each once for everybody and once for anyone who is logged in."""
    router = APIRouter(prefix="/bench")
    blueprint = Blueprint(
        "bench", __name__, url_prefix="/bench", template_folder=str(Path(__file__).parent / "templates")
    )

    @router.get("/bare")
    @public
    async def bare_route() -> dict[str, str]:
        return {"user": "nobody"}

    @router.get("/protected")
    async def protected_route(principal: CurrentPrincipal) -> dict[str, str]:
        return {"user": principal.user_id}

    @blueprint.get("/bare")
    @public
    def bare_page() -> str:
        return render_template("bench/page.html", name="nobody")

    @blueprint.get("/protected")
    def protected_page() -> str:
        return render_template("bench/page.html", name=current_principal.user_id)

    return Extension(name="bench", routers=[router], blueprints=[blueprint])
