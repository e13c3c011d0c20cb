"""What a team might add: a page and a route that report what they see of a request, and two that fail."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from flask import Blueprint, request

from app.api.deps import OptionalPrincipal
from app.auth.policy import public
from app.extension import Extension
from app.settings import Settings
from app.web import optional_principal

#: What their errors contain.
SECRET_IN_ERROR = "told-to-nobody-7Qm2"


def extension(_: Settings | None = None) -> Extension:
    """A public page at `/probe` and a public route at `/api/probe`; each has a `boom` that fails with `say`."""
    router = APIRouter(prefix="/probe")
    blueprint = Blueprint("probe", __name__, url_prefix="/probe")

    @router.get("")
    @router.post("")
    @public
    async def route(request: Request, principal: OptionalPrincipal) -> dict[str, Any]:
        return {
            "half": "api",
            "user": principal.user_id if principal else None,
            "path": request.url.path,
            "host": request.headers.get("host"),
            "scheme": request.url.scheme,
            "client": request.client.host if request.client else None,
            "headers": sorted([name.lower(), value] for name, value in request.headers.items()),
            "cookies": request.cookies,
            "body": (await request.body()).decode("latin-1"),
        }

    @router.get("/boom")
    @public
    async def broken_route(say: str = "") -> dict[str, str]:
        raise RuntimeError(SECRET_IN_ERROR + say)

    @blueprint.route("", methods=["GET", "POST"])
    @public
    def page() -> dict[str, Any]:
        principal = optional_principal()
        return {
            "half": "page",
            "user": principal.user_id if principal else None,
            "path": request.path,
            "host": request.headers.get("Host"),
            "scheme": request.scheme,
            "client": request.remote_addr,
            "headers": sorted([name.lower(), value] for name, value in request.headers.items()),
            "cookies": request.cookies.to_dict(),
            "form": request.form.to_dict(),
        }

    @blueprint.get("/boom")
    @public
    def broken_page() -> str:
        raise RuntimeError(SECRET_IN_ERROR + request.args.get("say", ""))

    return Extension(name="probe", routers=[router], blueprints=[blueprint])
