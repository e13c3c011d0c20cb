"""A whole Duet on a free loopback port, and the people and programs that use it."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from jinja2.bccache import Bucket, BytecodeCache

from app.auth.models import Client, User
from app.auth.service import Auth
from app.extension import Extension
from app.main import create_app
from app.settings import Settings, make
from tests.kit.live import serve
from tests.kit.wire import Wire

PASSWORD = "correct horse battery"
#: How long an answer may take on a busy machine, in seconds.
PATIENCE = 60
SECRET = "a secret of the tests: Zk8v2qWm4xT7"


def make_settings(folder: Path, **given: Any) -> Settings:
    """Settings for tests: cheap hashes, no limits, and all files in `folder`."""
    usual = {"testing": True, "bcrypt_rounds": 4, "rate_limits": False, "secret_key": SECRET}
    return make(**{"data_dir": folder, **usual, **given})


class Compiled(BytecodeCache):
    """The templates that apps of this process have compiled, kept in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket if its template has been compiled."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the compiled template."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


@dataclass(frozen=True)
class Running:
    """A Duet that is being served."""

    url: str
    app: FastAPI
    settings: Settings

    @property
    def outbox(self) -> Path:
        """The folder with its mails, if no SMTP server is set."""
        return self.settings.data_dir / "outbox"

    @property
    def auth(self) -> Auth:
        """The auth object of this Duet, to be used through `wait`."""
        auth: Auth = self.app.state.auth
        return auth

    def wait(self, awaitable: Any) -> Any:
        """Run `awaitable` on the server's event loop, as its own pages do."""
        return self.app.state.pages.extensions["duet"].crossing.wait(awaitable)

    def make_user(self, email: str = "ada@example.com", *, name: str = "Ada", **given: Any) -> User:
        """Make an account without the pages or the API. Its password is `PASSWORD`.

        Args:
            email: the email address of its owner.
            name: the name of its owner.
            given: `roles`, or `is_email_verified`.
        """
        client = Client("test")
        user: User = self.wait(self.auth.accounts.create(email, PASSWORD, name=name, client=client, **given))
        return user


@contextlib.contextmanager
def running(settings: Settings, *, extensions: Sequence[Extension] = (), **config: Any) -> Iterator[Running]:
    """Serve Duet until the block is left; `config` goes to uvicorn."""
    app = create_app(settings, extensions=extensions)
    with serve(app, **config) as url:
        yield Running(url, app, settings)


def _carried(url: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a client, with the kit's own transport if it has no other."""
    return given if "transport" in given or url.startswith("https:") else {"transport": Wire(), **given}


class Browser(httpx.Client):
    """A person using the pages, who keeps cookies, fills in forms, and follows no redirects automatically."""

    def __init__(self, url: str, **given: Any) -> None:
        super().__init__(base_url=url, **{"timeout": PATIENCE, **_carried(url, given)})

    def csrf_token(self, path: str = "/login") -> str:
        """The CSRF token of the first form on the page at `path`."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).text)
        assert found, f"there is no form at {path}"
        return found[1]

    def submit(self, path: str, *, page: str | None = None, **fields: str) -> httpx.Response:
        """Send a form to `path`, with the CSRF token of `page` (the same path if None)."""
        return self.post(path, data={"csrf_token": self.csrf_token(page or path), **fields})

    def log_in(self, email: str = "ada@example.com", password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Fill in the login page."""
        return self.submit("/login", email=email, password=password, **fields)

    def log_out(self) -> httpx.Response:
        """Press the logout button at the top of the page."""
        return self.submit("/logout", page="/account/sessions")


class ApiClient(httpx.Client):
    """A program on the API, with its tokens."""

    def __init__(self, url: str, **given: Any) -> None:
        super().__init__(base_url=url, **{"timeout": PATIENCE, **_carried(url, given)})
        self.refresh_token = ""

    def log_in(self, email: str = "ada@example.com", password: str = PASSWORD) -> httpx.Response:
        """Get tokens for a password, and send the access token from then on."""
        form = {"grant_type": "password", "username": email, "password": password}
        return self._keep(self.post("/api/auth/token", data=form))

    def refresh(self, refresh_token: str | None = None) -> httpx.Response:
        """Exchange a refresh token, its own if None, and use the new tokens from then on."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token or self.refresh_token}
        return self._keep(self.post("/api/auth/token", data=form))

    @property
    def access_token(self) -> str:
        """The access token that the client sends."""
        return self.headers["Authorization"].removeprefix("Bearer ")

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self.refresh_token = answer.json()["refresh_token"]
        return answer


def messages(page: str) -> list[str]:
    """The messages on a page, both at the top and in forms."""
    found = re.findall(r'role="(?:status|alert)"[^>]*>\s*([^<\s][^<]*)<', page)
    found += re.findall(r"<li>(?:<a href=\"#[^\"]*\">)?([^<]+)(?:</a>)?</li>", page)
    return [html.unescape(text).strip() for text in found]
