"""A team's page and route for anyone who is logged in, which ask the database nothing."""

from __future__ import annotations

import time

from fastapi import APIRouter
from flask import Blueprint, Response

from app.api.deps import CurrentPrincipal
from app.extension import Extension
from app.web import current_principal

_router = APIRouter(prefix="/desk")
_pages = Blueprint("desk", __name__, url_prefix="/desk")


@_router.get("")
async def read(principal: CurrentPrincipal) -> str:
    """Says who asks."""
    return principal.user_id


@_pages.get("")
def page() -> str:
    """Says who asks."""
    return current_principal.user_id


@_pages.get("/slow")
def slow_page() -> str:
    """Says the same after a while."""
    time.sleep(0.2)
    return current_principal.user_id


@_pages.get("/large")
def large_page() -> Response:
    """Sends many megabytes in pieces: no socket takes them at once."""
    piece = current_principal.user_id * 4096
    return Response(piece for _ in range(200))


desk = Extension(name="desk", routers=[_router], blueprints=[_pages])
