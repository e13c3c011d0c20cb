"""Links that a team's route makes to its own routes."""

from __future__ import annotations

from pathlib import Path

import httpx
from fastapi import APIRouter, Request, WebSocket

from app.auth.policy import public
from app.extension import Extension
from tests.kit.duet import make_settings, running


def test_s24_the_address_of_a_route_is_below_public_url(tmp_path: Path) -> None:
    """FastAPI's `url_for` knows the API's prefix, and no `Host` header changes where its links lead."""
    router = APIRouter(prefix="/where")

    @router.get("/{place}", name="somewhere")
    @public
    async def where(request: Request, place: str) -> str:
        return str(request.url_for("somewhere", place="there"))

    @router.get("/socket/here")
    @public
    async def where_the_socket_is(request: Request) -> str:
        return str(request.url_for("socket"))

    @router.websocket("/socket", name="socket")
    async def socket(socket: WebSocket) -> None: ...

    settings = make_settings(tmp_path, public_url="https://duet.example")
    with running(settings, extensions=[Extension(name="where", routers=[router])]) as duet:
        for headers in ({}, {"Host": "evil.example"}):
            answer = httpx.get(f"{duet.url}/api/where/here", headers=headers)
            assert answer.json() == "https://duet.example/api/where/there"
        assert httpx.get(f"{duet.url}/api/where/socket/here").json() == "wss://duet.example/api/where/socket"
