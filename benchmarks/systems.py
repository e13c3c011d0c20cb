"""Duet and its peers as processes, and how a client uses each: what it sends to log in, and what it sends
later."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks.report import Context
from benchmarks.wire import Answer, request

ROOT = Path(__file__).parent.parent
#: The peers' environment, which scripts/bench makes.
PEERS = str(ROOT / ".venv-bench/bin/python")
PASSWORD = "a password for benchmarks"
#: Enough accounts for a flood of logins, so that none of them has so many that they are taken for guesses.
ACCOUNTS = 41
#: Enough for every client of a storm, and for the clients that are measured beside it.
FEW_ACCOUNTS = 17


def email_of(number: int) -> str:
    """The email address of an account on every system."""
    return f"person{number}@example.com"


class Login(NamedTuple):
    """How accounts log in: where, and what the client with a given number sends."""

    url: str
    message: Callable[[int], bytes]


@dataclass
class System:
    """One thing that is measured.

    Args:
        name: its name in the table.
        pids: its processes.
        logins: how an account logs in, by name.
        probes: what a logged-in client sends, as a URL and headers, by name.
    """

    name: str
    pids: list[int]
    url: str
    logins: dict[str, Login] = field(default_factory=dict)
    probes: dict[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextlib.contextmanager
def server(command: list[str], url: str, *, python: str = PEERS, **environ: str) -> Iterator[int]:
    """Runs the module `command` until the block is left, and waits until `url` answers. Yields its process id."""
    process = subprocess.Popen(
        [python, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(1200):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url)
                break
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(15)


def gunicorn(app: str, url: str) -> list[str]:
    """The command of a Flask app at its best: see `peers`."""
    address = url.removeprefix("http://")
    return ["gunicorn", "-k", "gthread", "-w", "1", "--threads", "40", "--keep-alive", "60", "-b", address, app]


def uvicorn(app: str, url: str) -> list[str]:
    """The command of a FastAPI app, with uvloop and httptools, and without a log line for each request."""
    port = url.rpartition(":")[2]
    return [
        "uvicorn",
        app,
        "--factory",
        "--port",
        port,
        "--no-access-log",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]


def loopback() -> str:
    """An address for a server."""
    return f"http://127.0.0.1:{free_port()}"


@contextlib.contextmanager
def duet(
    context: Context, *, database_url: str = "", wait_for: str = "/readyz", **environ: str
) -> Iterator[System]:
    """Duet as it is deployed, with all its limits; like the peers, it logs no line for each request."""
    url = loopback()
    folder = context.scratch / f"duet-{secrets.token_hex(4)}"
    settings = {
        "DATA_DIR": str(folder),
        "EXTENSIONS": "benchmarks.subject:extension_of",
        "PUBLIC_URL": url,
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_urlsafe(32),
        "LOG_LEVEL": "warning",
        **environ,
    }
    with server(
        ["app", "--port", url.rpartition(":")[2]], f"{url}{wait_for}", python=sys.executable, **settings
    ) as pid:
        yield System("Duet", [pid], url)


def make_accounts(system: System, path: str, count: int = FEW_ACCOUNTS) -> None:
    """Registers the accounts that the clients log in to."""
    with httpx.Client(base_url=system.url, timeout=60) as client:
        for number in range(count):
            client.post(path, json={"email": email_of(number), "password": PASSWORD}).raise_for_status()


def use_duet(system: System) -> System:
    """Yields Duet with accounts, and clients that are known by a token and by a session."""
    url = system.url
    make_accounts(system, "/api/users", ACCOUNTS)
    with httpx.Client(base_url=url, timeout=60) as client:
        form = {"grant_type": "password", "username": email_of(0), "password": PASSWORD}
        token = client.post("/api/auth/token", data=form).raise_for_status().json()["access_token"]
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
        assert found
        csrf, before = found[1], client.cookies["session"]
        client.post("/login", data={"csrf_token": csrf, "email": email_of(0), "password": PASSWORD})
        session = {"Cookie": f"session={client.cookies['session']}"}
    system.probes = {
        "API, bare": (f"{url}/api/bench/bare", {}),
        "API, protected": (f"{url}/api/bench/protected", {"Authorization": f"Bearer {token}"}),
        "page, bare": (f"{url}/bench/bare", {}),
        "page, with a session": (f"{url}/bench/protected", session),
    }

    def by_api(number: int) -> bytes:
        form = {"grant_type": "password", "username": email_of(number), "password": PASSWORD}
        return request(f"{url}/api/auth/token", form=form)

    def by_page(number: int) -> bytes:
        form = {"csrf_token": csrf, "email": email_of(number), "password": PASSWORD}
        return request(f"{url}/login", form=form, headers={"Cookie": f"session={before}"})

    system.logins = {"API": Login(url, by_api), "page": Login(url, by_page)}
    return system


@contextlib.contextmanager
def two_services(context: Context) -> Iterator[System]:
    """(a) Flask in front, FastAPI behind, MongoDB below."""
    api, pages = loopback(), loopback()
    database = f"{context.mongodb_url}peer_two_services"
    with (
        server(
            uvicorn("benchmarks.peers.two_services_api:create_app", api), f"{api}/bare", PEER_DATABASE_URL=database
        ) as first,
        server(
            gunicorn("benchmarks.peers.two_services_pages:create_app()", pages), f"{pages}/bare", PEER_API_URL=api
        ) as second,
    ):
        system = System("(a) two services", [first, second], api)
        make_accounts(system, "/users")
        form = {"email": email_of(0), "password": PASSWORD}
        with httpx.Client(base_url=pages, timeout=60) as client:
            client.post("/login", data=form)
            session = {"Cookie": f"session={client.cookies['session']}"}
        form = {"username": email_of(0), "password": PASSWORD}
        token = httpx.post(f"{api}/token", data=form, timeout=60).json()["access_token"]
        system.probes = {
            "API, bare": (f"{api}/bare", {}),
            "API, protected": (f"{api}/protected", {"Authorization": f"Bearer {token}"}),
            "page, bare": (f"{pages}/bare", {}),
            "page, with a session": (f"{pages}/protected", session),
        }
        system.logins = {
            "page": Login(
                pages,
                lambda number: request(f"{pages}/login", form={"email": email_of(number), "password": PASSWORD}),
            )
        }
        yield system


@contextlib.contextmanager
def fastapi_users(context: Context) -> Iterator[System]:
    """(b) fastapi-users with Beanie."""
    url = loopback()
    database = f"{context.mongodb_url}peer_fastapi_users"
    command = uvicorn("benchmarks.peers.fastapi_users_app:create_app", url)
    with server(command, f"{url}/bare", PEER_DATABASE_URL=database) as pid:
        system = System("(b) fastapi-users", [pid], url)
        make_accounts(system, "/auth/register")
        form = {"username": email_of(0), "password": PASSWORD}
        token = httpx.post(f"{url}/auth/jwt/login", data=form, timeout=60).json()["access_token"]
        system.probes = {
            "API, bare": (f"{url}/bare", {}),
            "API, protected": (f"{url}/protected", {"Authorization": f"Bearer {token}"}),
        }
        system.logins = {
            "API": Login(
                url,
                lambda number: request(
                    f"{url}/auth/jwt/login", form={"username": email_of(number), "password": PASSWORD}
                ),
            )
        }
        yield system


@contextlib.contextmanager
def flask_jwt(context: Context) -> Iterator[System]:
    """(c) Flask-JWT-Extended."""
    url = loopback()
    with server(gunicorn("benchmarks.peers.flask_jwt:create_app()", url), f"{url}/bare") as pid:
        system = System("(c) Flask-JWT-Extended", [pid], url)
        make_accounts(system, "/users")
        form = {"email": email_of(0), "password": PASSWORD}
        token = httpx.post(f"{url}/login", data=form, timeout=60).json()["access_token"]
        system.probes = {
            "API, bare": (f"{url}/bare", {}),
            "API, protected": (f"{url}/protected", {"Authorization": f"Bearer {token}"}),
        }
        system.logins = {
            "API": Login(
                url, lambda number: request(f"{url}/login", form={"email": email_of(number), "password": PASSWORD})
            )
        }
        yield system


def is_logged_in(answer: Answer) -> bool:
    """Whether the answer is the one to a right password: a page redirects with a new session."""
    return answer.status == 200 or (answer.status in (302, 303) and "set-cookie" in answer.headers)


def figures_of(url: str) -> dict[str, float]:
    """What Duet's `/metrics` reports for metrics without labels."""
    lines = [line.split() for line in httpx.get(f"{url}/metrics").text.splitlines() if not line.startswith("#")]
    return {line[0]: float(line[1]) for line in lines if len(line) == 2 and "{" not in line[0]}


def memory_of(pid: int, name: str) -> float:
    """`VmRSS` of a process in MB, or `VmHWM` for the most that it used."""
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def ticks_of(pid: int) -> float:
    """The processor time that all threads of a process have used, in seconds."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
