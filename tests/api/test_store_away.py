"""The database goes away and comes back: callers who need it are told soon, and the others notice nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from app.api.deps import CurrentPrincipal
from app.auth.policy import public
from app.extension import Extension
from app.settings import Settings
from tests.api.answers import oauth_error, plain, problem
from tests.kit.duet import ApiClient, Browser, Running, make_settings, running
from tests.kit.programs import end, free_port
from tests.kit.services import stop

#: What an answer may take on a busy machine, in seconds. The contract says three.
PATIENCE = 20.0


def find_mongod() -> str:
    """The `mongod` on PATH, or else the one in the wheel that the tests install."""
    found = shutil.which("mongod") or os.path.join(sysconfig.get_paths()["purelib"], "fiftyone/db/bin/mongod")
    if os.access(found, os.X_OK):
        return found
    if os.environ.get("CI"):
        pytest.fail("there is no mongod, and in CI there must be one")
    pytest.skip("there is no mongod on this machine")


@contextlib.contextmanager
def mongod(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A MongoDB for this test alone, which it may stop and start."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [find_mongod(), "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        end(process)


def listens(port: int) -> bool:
    """Whether something accepts connections on that port."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def settings_on(tmp_path: Path, port: int) -> Settings:
    """The settings of a Duet on that MongoDB."""
    return make_settings(tmp_path, database_url=f"mongodb://127.0.0.1:{port}/duet")


def thoughts() -> Extension:
    """A team's routes that need no store."""
    router = APIRouter(prefix="/thoughts")

    @router.get("/own")
    async def own(principal: CurrentPrincipal) -> dict[str, str]:
        return {"user": principal.user_id}

    @router.get("/open")
    @public
    async def everybody_s() -> dict[str, bool]:
        return {"open": True}

    return Extension("thoughts", routers=[router])


def eventually(duet: Running, path: str, status: int) -> None:
    """Waits until `path` answers with `status`, without a restart."""
    deadline = time.monotonic() + 60
    while (answer := plain.get(duet.url + path, timeout=10)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def is_unavailable(answer: httpx.Response) -> bool:
    """Whether it is a 503 that came soon enough and says when to come back."""
    assert answer.status_code == 503, answer.text
    assert answer.elapsed.total_seconds() < PATIENCE
    return int(answer.headers["Retry-After"]) > 0


def test_a_database_that_hangs_is_a_503_and_recovers(tmp_path: Path) -> None:
    """It comes within three seconds, with Retry-After; routes that need no store go on, and nobody is logged
    out."""
    port = free_port()
    with (
        mongod(tmp_path / "db", port) as database,
        running(settings_on(tmp_path, port), extensions=[thoughts()]) as duet,
        ApiClient(duet.url, verify=False, timeout=10) as api,
        Browser(duet.url, verify=False, timeout=10) as browser,
    ):
        eventually(duet, "/readyz", 200)
        duet.make_user()
        assert api.log_in().status_code == 200
        assert browser.log_in().status_code == 303
        form = {"email": "ada@example.com", "password": "x", "csrf_token": browser.csrf_token("/account")}
        token, cookie = api.access_token, browser.cookies["session"]

        stop(database)
        assert is_unavailable(api.get("/api/users/me"))  # the first to notice
        refused = api.get("/api/users/me")
        assert is_unavailable(refused)
        assert problem(refused, 503)["code"] == "store_unavailable"
        for answer in (
            api.refresh(),
            api.log_in(),
            api.post("/api/auth/revoke", data={"token": api.refresh_token}),
        ):
            assert is_unavailable(answer)
            oauth_error(answer, "temporarily_unavailable", 503)
        for path in ("/api/users/me/sessions", "/account", "/account/sessions", "/readyz"):
            assert is_unavailable((api if path.startswith("/api") else browser).get(path))
        assert is_unavailable(browser.post("/login", data=form))
        # Routes that need no store.
        assert api.get("/healthz").status_code == 200
        assert api.get("/api/thoughts/own").status_code == 200
        assert api.get("/api/thoughts/open").status_code == 200
        assert problem(plain.get(f"{duet.url}/api/thoughts/own"), 401)["code"] == "token_missing"
        assert plain.get(f"{duet.url}/login").status_code == 200

        database.send_signal(signal.SIGCONT)
        eventually(duet, "/readyz", 200)
        assert (api.access_token, browser.cookies["session"]) == (token, cookie)
        assert api.get("/api/users/me").status_code == 200
        assert api.refresh().status_code == 200
        assert browser.get("/account").status_code == 200


def test_a_server_that_starts_before_its_database_waits_for_it(tmp_path: Path) -> None:
    """The port opens; what needs a login is a 503 meanwhile, and the rest is served; then it recovers by itself.

    Even a good token is a 503, neither a 401 nor accepted unchecked: it may have been revoked a moment ago.
    """
    port = free_port()
    with (
        mongod(tmp_path / "db", port),
        running(settings_on(tmp_path, port)) as duet,
        ApiClient(duet.url, verify=False) as api,
    ):
        eventually(duet, "/readyz", 200)
        duet.make_user()
        api.log_in()
        token = api.access_token
    assert not listens(port)
    with (
        running(settings_on(tmp_path, port), extensions=[thoughts()]) as duet,
        ApiClient(duet.url, verify=False, timeout=10) as api,
    ):
        assert api.get("/healthz").status_code == 200
        assert is_unavailable(api.get("/readyz"))
        assert is_unavailable(api.log_in())
        assert api.get("/api/thoughts/open").status_code == 200
        assert api.get("/api/nothing").status_code == 404
        api.headers["Authorization"] = f"Bearer {token}"
        answer = api.get("/api/thoughts/own")
        assert is_unavailable(answer)
        assert problem(answer, 503)["code"] == "store_unavailable"
        assert problem(api.get("/api/thoughts/own", headers={"Authorization": "Bearer x.y.z"}), 401)
        with mongod(tmp_path / "db", port):
            eventually(duet, "/readyz", 200)
            assert api.get("/api/thoughts/own").status_code == 200
            assert api.log_in().status_code == 200
