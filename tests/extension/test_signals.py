"""An extension hears what happens to accounts, whoever does it and on whichever half."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.auth.extending import Signal, SignalKind
from app.auth.models import Client
from app.auth.policy import PolicyError
from app.extension import Extension
from app.foundation import open_auth
from app.main import create_app
from app.settings import Settings
from app.testing import PASSWORD, TestClient, csrf_token, login_as, make_settings
from tests.kit.building import start, team

EMAIL = "ada@example.com"


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Signal] = []

    async def hear(self, signal: Signal) -> None:
        """Keeps a signal."""
        self.heard.append(signal)

    @property
    def kinds(self) -> list[str]:
        """The kinds of signals that it heard, in order; then it forgets them."""
        kinds = [str(signal.kind) for signal in self.heard]
        self.heard.clear()
        return kinds

    def extension(self) -> Extension:
        """A team that listens to everything."""
        return Extension("team", on=dict.fromkeys(SignalKind, self.hear))


@pytest.fixture
def ear() -> Ear:
    """The signals that the team heard."""
    return Ear()


@pytest.fixture
def client(tmp_path: Path, ear: Ear) -> Iterator[TestClient]:
    """A client without a login, at a Duet whose team listens."""
    with TestClient(create_app(make_settings(tmp_path), extensions=[ear.extension()])) as one:
        yield one


def _register(client: TestClient) -> None:
    answer = client.post("/api/users", json={"email": EMAIL, "password": PASSWORD, "name": "Ada"})
    assert answer.status_code == 201, answer.text


def _log_in(client: TestClient) -> dict[str, Any]:
    form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    tokens: dict[str, Any] = client.post("/api/auth/token", data=form).json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return tokens


def test_the_api_tells(client: TestClient, ear: Ear) -> None:
    """Registration, login, logout and deletion are told once each, with the account and the caller's address."""
    _register(client)
    tokens = _log_in(client)
    user_id = client.get("/api/users/me").json()["id"]
    client.post("/api/auth/token", data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    client.post("/api/auth/revoke", data={"token": tokens["access_token"]})
    client.post("/api/auth/revoke", data={"token": tokens["access_token"]})
    _log_in(client)
    client.request("DELETE", "/api/users/me", json={"password": PASSWORD})
    registered, logged_in, logged_out, _, deleted = ear.heard
    assert ear.kinds == ["registered", "logged_in", "logged_out", "logged_in", "deleted"]
    assert {signal.user_id for signal in (registered, logged_in, logged_out, deleted)} == {user_id}
    assert {signal.client.ip for signal in (registered, logged_in, logged_out, deleted)} == {"testclient"}
    for signal in (registered, logged_in, deleted):
        assert signal.user
        assert signal.user.email == EMAIL
    assert logged_in.session_id == logged_out.session_id != ""


def test_the_pages_tell(client: TestClient, ear: Ear) -> None:
    """Forms tell the same."""
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": csrf_token(client, "/register")}
    assert client.post("/register", data=form).status_code == 200
    client.cookies.clear()
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": csrf_token(client, "/login")}
    client.post("/login", data=form)
    client.post("/logout", data={"csrf_token": csrf_token(client, "/account")})
    kinds = ear.kinds
    assert kinds[0] == "registered"
    assert kinds[-2:] == ["logged_in", "logged_out"]


def test_what_fails_tells_nothing(client: TestClient, ear: Ear) -> None:
    """A taken email address, a wrong password, a wrong token and a refused deletion tell nothing."""
    _register(client)
    _log_in(client)
    assert ear.kinds == ["registered", "logged_in"]
    assert client.post("/api/users", json={"email": EMAIL, "password": PASSWORD}).status_code == 409
    form = {"grant_type": "password", "username": EMAIL, "password": "not the password"}
    assert client.post("/api/auth/token", data=form).status_code == 400
    assert client.post("/api/auth/revoke", data={"token": "rubbish"}).status_code == 200
    assert client.request("DELETE", "/api/users/me", json={"password": "wrong"}).status_code == 403
    assert ear.kinds == []


def test_an_admins_changes_tell(client: TestClient, ear: Ear) -> None:
    """New roles and a deletion are told of the account that is changed."""
    _register(client)
    user_id = ear.heard[0].user_id
    login_as(client, "root@example.com", roles=["admin"])
    ear.heard.clear()
    changed = client.patch(f"/api/admin/users/{user_id}", json={"roles": ["editor"]})
    assert changed.status_code == 200, changed.text
    (signal,) = ear.heard
    assert (signal.kind, signal.user_id) == ("roles_changed", user_id)
    assert signal.user
    assert signal.user.roles == ("editor",)
    assert client.delete(f"/api/admin/users/{user_id}").status_code == 204
    assert ear.kinds == ["roles_changed", "deleted"]


def test_a_broken_handler_breaks_no_login(tmp_path: Path, ear: Ear) -> None:
    """The failure is logged, the person is logged in, and the next team hears of it."""

    async def fail(signal: Signal) -> None:
        raise ValueError("broken")

    broken = Extension("broken", on={"registered": fail, "logged_in": fail, "deleted": fail})
    with TestClient(create_app(make_settings(tmp_path), extensions=[broken, ear.extension()])) as client:
        _register(client)
        _log_in(client)
        assert client.get("/api/users/me").status_code == 200
        assert client.request("DELETE", "/api/users/me", json={"password": PASSWORD}).status_code == 204
    assert ear.kinds == ["registered", "logged_in", "deleted"]


def test_a_handler_runs_within_its_lifespan(tmp_path: Path) -> None:
    """The team's database is open, on the event loop on which it was opened."""
    events: list[str] = []
    loops: set[int] = set()

    @asynccontextmanager
    async def lifespan() -> Any:
        events.append("opened")
        loops.add(id(asyncio.get_running_loop()))
        yield
        events.append("closed")

    async def hear(signal: Signal) -> None:
        events.append(signal.kind)
        loops.add(id(asyncio.get_running_loop()))

    one = Extension("team", lifespan=lifespan, on={"logged_in": hear})
    app = create_app(make_settings(tmp_path), extensions=[one])
    with TestClient(app) as client:
        login_as(client)
    assert events == ["opened", "logged_in", "closed"]
    assert len(loops) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"on": {"deleted": lambda signal: None}},
            "extension team: its handler of the signal 'deleted' must be async",
        ),
        ({"on": {"removed": Ear().hear}}, "extension team: there is no signal 'removed'; there are registered"),
    ],
)
def test_a_handler_that_would_never_run_stops_the_start(tmp_path: Path, given: Any, message: str) -> None:
    """One line names the extension."""
    with pytest.raises(PolicyError) as caught:
        start(tmp_path, team(**given))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


# the command line


def noting(settings: Settings) -> Extension:
    """A team that writes down what it hears."""
    log = settings.data_dir / "heard.txt"

    @asynccontextmanager
    async def lifespan() -> Any:
        log.write_text("opened\n")
        yield
        with log.open("a") as file:
            file.write("closed\n")

    async def hear(signal: Signal) -> None:
        with log.open("a") as file:
            file.write(f"{signal.kind}\n")

    return Extension("noting", lifespan=lifespan, on={SignalKind.DELETED: hear})


async def test_the_command_line_tells_as_well(tmp_path: Path) -> None:
    """Extensions hear of accounts that `duet user delete` deletes, because their own data about them has to go."""
    settings = make_settings(tmp_path, extensions=f"{__name__}:noting")
    terminal = Client("cli")
    async with open_auth(settings) as auth:
        user = await auth.accounts.create(EMAIL, PASSWORD, client=terminal)
        await auth.administration.delete(user.id, terminal)
    assert (tmp_path / "heard.txt").read_text().split() == ["opened", "deleted", "closed"]
