"""The same small route and page, bare and protected, and the bare page as an app of its own for gunicorn."""

from __future__ import annotations

from fastapi import APIRouter
from flask import Blueprint, Flask, render_template_string, session

from app.api.deps import CurrentPrincipal
from app.auth.policy import public
from app.extension import Extension
from app.settings import Settings
from app.web import current_principal

PAGE = (
    "<!doctype html><title>Bench</title><h1>Hello {{ name }}</h1>"
    "<ul>{% for number in range(20) %}<li>{{ number }}</li>{% endfor %}</ul>"
)


def extension_of(settings: Settings) -> Extension:
    """A route and a page, each once for everybody and once for whoever is signed in."""
    router = APIRouter(prefix="/bench")
    blueprint = Blueprint("bench", __name__, url_prefix="/bench")

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
        return render_template_string(PAGE, name="nobody")

    @blueprint.get("/protected")
    def protected_page() -> str:
        return render_template_string(PAGE, name=current_principal.user_id)

    return Extension(name="bench", routers=[router], blueprints=[blueprint])


def plain_flask() -> Flask:
    """The page with a session as Flask has it, and nothing of Duet: for gunicorn."""
    app = Flask(__name__)
    app.secret_key = "only for benchmarks, where it protects nothing"

    @app.get("/start")
    def start() -> str:
        session["user"] = "somebody"
        return "started"

    @app.get("/page")
    def page() -> str:
        return render_template_string(PAGE, name=session["user"])

    return app
