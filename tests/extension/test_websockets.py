"""WebSocket routes pass the gate and the policy, and do no harm if no WebSocket package is installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from app.api.deps import CurrentPrincipal, OptionalPrincipal
from app.auth.policy import public, require
from app.extension import Extension
from app.main import create_app
from app.settings import Settings
from app.testing import TestClient, csrf_token, login_as, make_settings
from tests.deploy.process import served
from tests.extension.beside import beside
from tests.kit.duet import SECRET, running
from tests.kit.live import status, talk
from tests.kit.programs import wait_until

#: Which endpoints have ended.
ENDED: list[str] = []
#: What TestClient calls its host.
HERE = "http://testserver"
PUBLIC_URL = "http://duet.example"


def team(_: Settings | None = None) -> Extension:
    """WebSockets for everybody, for those who are logged in, and for admins."""
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

    @router.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        finally:
            ENDED.append("echo")

    @router.websocket("/fails")
    async def fails(socket: WebSocket) -> None:
        await socket.accept()
        raise LookupError("in the socket")

    return Extension("team", routers=[router])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A client without a login."""
    app = create_app(make_settings(tmp_path, public_url=PUBLIC_URL), extensions=[team()])
    with TestClient(app) as one:
        yield one


@pytest.fixture
def browser(client: TestClient) -> TestClient:
    """A browser in which Ada is logged in: it has her cookie, and no token."""
    login_as(client)
    del client.headers["Authorization"]
    return client


def _hear(client: TestClient, path: str, **headers: str) -> str:
    with client.websocket_connect(path, headers=headers) as socket:
        return socket.receive_text()


def _is_refused(client: TestClient, path: str, **headers: str) -> str:
    """The reason code with which the handshake is refused."""
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect(path, headers=headers):
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


@pytest.mark.parametrize("origin", [HERE, PUBLIC_URL, PUBLIC_URL.upper(), f"{HERE}:80"])
def test_a_page_of_this_site_opens_a_websocket(browser: TestClient, origin: str) -> None:
    """The session counts where the browser says that a page of this site asks, and so does the policy."""
    origin = origin.removesuffix(":80")
    assert len(_hear(browser, "/api/team/room", Origin=origin)) == 32
    assert _hear(browser, "/api/team/hall", Origin=origin) == "somebody"
    assert _is_refused(browser, "/api/team/vault", Origin=origin) == "role_missing"


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://testserver:8443"},
    {"Origin": "https://testserver"},
    {"Origin": "ws://testserver"},
    {"Origin": f"{HERE}, {HERE}"},
    {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
    {"Origin": HERE, "Sec-Fetch-Site": "same-site"},
    {"Origin": HERE, "Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_s20_another_site_s_page_opens_no_websocket(browser: TestClient, headers: dict[str, str]) -> None:
    """A foreign, null or doubtful origin is refused at the handshake, and is nobody where everybody may enter."""
    assert _is_refused(browser, "/api/team/room", **headers) == "same_origin_unproven"
    assert _hear(browser, "/api/team/hall", **headers) == "nobody"


def test_s20_two_origins_are_none(browser: TestClient) -> None:
    """Two Origin headers prove nothing, whichever of them is this site's."""
    both: Any = httpx.Headers([("Origin", HERE), ("Origin", "http://evil.example")])
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/api/team/room", headers=both):
        pass


def test_a_token_needs_no_origin(client: TestClient) -> None:
    """No browser adds a token by itself, so a program's origin does not matter."""
    login_as(client)
    assert len(_hear(client, "/api/team/room", Origin="http://evil.example")) == 32


def _end_by_logout(browser: TestClient) -> None:
    other = beside(browser, cookies=browser.cookies)
    assert other.post("/logout", data={"csrf_token": csrf_token(other, "/account")}).status_code == 200


def _end_by_rights(browser: TestClient) -> None:
    login_as(beside(browser), roles=["editor"])


@pytest.mark.parametrize(
    ("end", "code"), [(_end_by_logout, "logged_out"), (_end_by_rights, "rights_changed")], ids=["logout", "rights"]
)
def test_s18_an_open_websocket_ends_with_its_session(
    browser: TestClient, end: Callable[[TestClient], None], code: str
) -> None:
    """A second after the logout, or after a change of rights, the socket is closed and its endpoint cancelled."""
    ENDED.clear()
    with browser.websocket_connect("/api/team/echo", headers={"Origin": HERE}) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        assert ENDED == []
        end(browser)
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
    assert (caught.value.code, ENDED) == (1008, ["echo"])
    assert caught.value.reason == code


def test_a_websocket_outlives_its_access_token(tmp_path: Path) -> None:
    """It goes on while its session lives, although no answer could bring the browser another cookie."""
    settings = make_settings(tmp_path, access_token_minutes=0.01)
    with TestClient(create_app(settings, extensions=[team()])) as browser:
        login_as(browser)
        del browser.headers["Authorization"]
        with browser.websocket_connect("/api/team/echo", headers={"Origin": HERE}) as socket:
            begun = time.monotonic()
            while time.monotonic() < begun + 1.8:  # more than two lives of a token
                socket.send_text("still")
                assert socket.receive_text() == "still"
                time.sleep(0.2)
        _hear(browser, "/api/team/room", Origin=HERE)  # the cookie's token has expired by now


def test_an_endpoint_s_own_error_passes_through(browser: TestClient) -> None:
    """The endpoint of a browser's socket fails as any other does, in one line of the log."""
    with capture_logs() as lines, browser.websocket_connect("/api/team/fails", headers={"Origin": HERE}):
        pass
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["request_failed"]


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


_needs_none = pytest.mark.skipif(
    find_spec("websockets") is not None or find_spec("wsproto") is not None, reason="is installed"
)


@_needs_none
def test_the_start_names_websocket_routes_that_nobody_can_reach(tmp_path: Path) -> None:
    """Without a WebSocket package the log names the routes and the package, and without such routes nothing."""
    with served(tmp_path, SECRET_KEY=SECRET, EXTENSIONS="tests.extension.test_websockets:team") as duet:
        wait_until(lambda: "websockets_not_served" in duet.log.read_text())
        line = next(line for line in duet.log.read_text().splitlines() if "websockets_not_served" in line)
    assert "/api/team/room" in line
    assert "uvicorn needs the package websockets" in line


@_needs_none
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
