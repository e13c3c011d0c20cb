"""Links that a team's route makes to its own routes."""

from __future__ import annotations

from pathlib import Path

import httpx
from fastapi import APIRouter, Request

from app.auth.policy import public
from app.extension import Extension
from tests.kit.duet import make_settings, running


def test_the_address_of_a_route_has_the_api_s_prefix(tmp_path: Path) -> None:
    """FastAPI's `url_for` works in Duet as it does elsewhere."""
    router = APIRouter(prefix="/where")

    @router.get("/{place}", name="somewhere")
    @public
    async def where(request: Request, place: str) -> str:
        return str(request.url_for("somewhere", place="there"))

    with running(make_settings(tmp_path), extensions=[Extension(name="where", routers=[router])]) as duet:
        assert httpx.get(f"{duet.url}/api/where/here").json() == f"{duet.url}/api/where/there"
