"""WebSocket routes pass the gate and the policy, and do no harm if no WebSocket package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from app.api.deps import CurrentPrincipal, OptionalPrincipal
from app.auth.policy import public, require
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, login_as, make_settings
from tests.kit.duet import running
from tests.kit.live import status, talk


def team() -> Extension:
    """A WebSocket for everybody, one for those who are logged in, and one for admins."""
    router = APIRouter(prefix="/team")

    @router.websocket("/hall")
    @public
    async def hall(socket: WebSocket, principal: OptionalPrincipal) -> None:
        await socket.accept()
        await socket.send_text("somebody" if principal else "nobody")
        await socket.close()

    @router.websocket("/room")
    async def room(socket: WebSocket, principal: CurrentPrincipal) -> None:
        await socket.accept()
        await socket.send_text(principal.user_id)
        await socket.close()

    @router.websocket("/vault")
    @require(role="admin")
    async def vault(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("gold")
        await socket.close()

    return Extension("team", routers=[router])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A client without a login."""
    app = create_app(make_settings(tmp_path), extensions=[team()])
    with TestClient(app) as one:
        yield one


def _hear(client: TestClient, path: str) -> str:
    with client.websocket_connect(path) as socket:
        return socket.receive_text()


def _is_refused(client: TestClient, path: str) -> str:
    """The reason code with which the handshake is refused."""
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect(path):
        pass
    denial: Any = caught.value  # a response as well, where the server can send one
    assert denial.status_code == 403
    code: str = denial.json()["code"]
    return code


def test_a_websocket_needs_a_login_by_default(client: TestClient) -> None:
    """Without a login the handshake is refused with the reason; with a token it is accepted."""
    assert _is_refused(client, "/api/team/room") == "token_missing"
    client.headers["Authorization"] = "Bearer rubbish"
    assert _is_refused(client, "/api/team/room") == "token_invalid"
    me = login_as(client).get("/api/users/me").json()["id"]
    assert _hear(client, "/api/team/room") == me


def test_markers_count_for_websockets(client: TestClient) -> None:
    """A role is required and a public one is open, as on pages and routes."""
    assert _hear(client, "/api/team/hall") == "nobody"
    login_as(client)
    assert _hear(client, "/api/team/hall") == "somebody"
    assert _is_refused(client, "/api/team/vault") == "role_missing"
    assert _hear(login_as(client, roles=["admin"]), "/api/team/vault") == "gold"


def test_a_cookie_opens_no_websocket(client: TestClient) -> None:
    """Otherwise another site's page could open one with the visitor's cookie (cross-site WebSocket hijacking)."""
    login_as(client)
    del client.headers["Authorization"]
    assert _is_refused(client, "/api/team/room") == "token_missing"


def test_there_is_no_websocket_among_the_pages(client: TestClient) -> None:
    """A handshake at a page, or at an unknown address, is closed and breaks nothing."""
    for path in ("/", "/nowhere", "/api/nowhere", "/api/users/me"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(path):
            pass
    assert client.get("/healthz").status_code == 200


_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.skipif(find_spec("websockets") is not None or find_spec("wsproto") is not None, reason="is installed")
def test_without_a_websocket_package_a_handshake_is_an_ordinary_request(tmp_path: Path) -> None:
    """uvicorn can't upgrade then, so it is an unknown GET to the API, and a bad request to Werkzeug."""
    with running(make_settings(tmp_path), extensions=[team()]) as duet:
        ask: Callable[[str], bytes] = lambda path: talk(duet.url, _HANDSHAKE.format(path=path).encode())  # noqa: E731
        answer = ask("/api/team/room")
        assert status(answer) == 404
        assert b"application/problem+json" in answer
        assert status(ask("/api/users/me")) == 401
        assert status(ask("/login")) == 400
        assert status(talk(duet.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200
