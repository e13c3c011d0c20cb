"""A small kit for a team's own tests: settings, a running app, a logged-in client, a form's token.

Test the pages alone in Flask's test client:

    >>> from tempfile import TemporaryDirectory
    >>> from app.main import create_app
    >>> from app.testing import TestClient, csrf_token, login_as, make_settings, running
    >>> folder = TemporaryDirectory()
    >>> app = create_app(make_settings(folder.name), extensions=[])
    >>> with running(app):
    ...     pages = login_as(app.state.pages.test_client(), "ada@example.com", name="Ada")
    ...     pages.get("/").status_code
    200

Test the whole of Duet, with both halves behind the gate, in Starlette's client (which needs `httpx`):

    >>> app = create_app(make_settings(folder.name))
    >>> with TestClient(app) as client:
    ...     me = login_as(client, "ada@example.com", roles=["admin"]).get("/api/users/me").json()
    ...     form = {"name": "Ada L.", "csrf_token": csrf_token(client, "/account")}
    ...     saved = client.post("/account", data=form)
    >>> me["roles"], "Your name was saved." in saved.text
    (['admin'], True)
    >>> folder.cleanup()

Make an app for each test, and start it once.
"""

from __future__ import annotations

import html
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from flask import Flask
from flask.testing import FlaskClient

from app.auth.errors import InvalidCredentials, NotFound
from app.auth.models import WEB_CLIENT, Client, TokenPair
from app.auth.policy import Caller
from app.scope import CALLER, IN_ENVIRON
from app.settings import Settings, make
from app.web.context import Duet
from app.web.cookies import ACCESS_TOKEN

with warnings.catch_warnings():
    # Starlette prefers a successor of httpx that few have yet. If warnings are errors, tests could not start.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["PASSWORD", "TestClient", "csrf_token", "login_as", "make_settings", "running"]

#: The password of the accounts that `login_as` makes.
PASSWORD: Final = "a password for tests alone"  # noqa: S105 - it opens nothing but a test's own database

AnyClient = TypeVar("AnyClient", bound=FlaskClient | TestClient)


def make_settings(folder: str | os.PathLike[str], **given: Any) -> Settings:
    """Makes settings for tests: hashes are quick, and SQLite and everything else is in `folder`.

    Args:
        folder: for example pytest's `tmp_path`.
        given: more settings, by field name.

    Raises:
        SettingsError: one of `given` is not acceptable.
    """
    return make(**{"data_dir": Path(folder), "testing": True, "bcrypt_rounds": 4, "rate_limits": False, **given})


@contextmanager
def running(app: FastAPI) -> Iterator[FastAPI]:
    """Runs `app` without a server until the block is left: its event loop, store and the extensions' lifespans.

    Flask's test client needs this for views that `wait`. `with TestClient(app)` does it by itself. Raises what
    stops the start.
    """
    lifespan = app.router.lifespan_context(app)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(lifespan):
        yield app


def login_as(
    client: AnyClient,
    email: str = "ada@example.com",
    *,
    roles: Sequence[str] = (),
    name: str = "",
    password: str = PASSWORD,
) -> AnyClient:
    """Logs `client` in, with a real session of a real account.

    Starlette's client sends the access token as a bearer token to the API and in Flask's session cookie to the
    pages, through the edge and the gate. Flask's client calls the pages directly, past the gate: it stays logged
    in, with these roles, until `login_as` is called again. So test expiry, logouts and revocations with
    `TestClient`.

    Args:
        client: `app.state.pages.test_client()` or `TestClient(app)`, while the app runs.
        email: the account's email address. The account is made if there is none.
        roles: the roles that the account must have. An existing account also keeps its other roles.
        name: the display name of a new account.
        password: the account's password. Give it only for an account that was made elsewhere with another one.

    Returns:
        `client`.

    Raises:
        RuntimeError: the app does not run.
        InvalidCredentials: the account has another password, or is disabled.
    """
    app: Any = client.application if isinstance(client, FlaskClient) else client.app
    pages: Flask = app if isinstance(app, Flask) else app.state.pages
    duet: Duet = pages.extensions["duet"]
    pair: TokenPair = duet.crossing.wait(_log_in(duet, email, roles=roles, name=name, password=password))
    if isinstance(client, FlaskClient):
        environ: dict[str, Any] = client.environ_base
        environ[IN_ENVIRON] = {CALLER: Caller(pair.principal)}
        return client
    client.headers["Authorization"] = f"Bearer {pair.access_token}"
    _set_session(client, pages, pair.access_token)
    return client


async def _log_in(duet: Duet, email: str, *, roles: Sequence[str], name: str, password: str) -> TokenPair:
    auth, client = duet.auth, Client(WEB_CLIENT, user_agent="test kit")
    try:
        user = await auth.accounts.find(email)
    except NotFound:
        user = await auth.accounts.create(email, password, name=name, roles=roles, client=client)
    if not set(roles) <= set(user.roles):
        user = await auth.administration.set_roles(user.id, [*user.roles, *roles], client)
    try:
        return await auth.sessions.log_in(email, password, client)
    except InvalidCredentials:
        raise InvalidCredentials(f"{email} was not made by login_as: give its password, if it is active") from None


def _set_session(client: TestClient, pages: Flask, access_token: str) -> None:
    """Puts Flask's session cookie into the client's jar, as if the pages had set it."""
    sessions: Any = pages.session_interface
    serializer = sessions.get_signing_serializer(pages)
    name, host = pages.config["SESSION_COOKIE_NAME"], client.base_url.host
    client.cookies.delete(name)
    # The jar's spelling of a host without a dot. With another spelling, the answer's cookie would be a second one.
    domain = host if "." in host else f"{host}.local"
    client.cookies.set(name, serializer.dumps({ACCESS_TOKEN: access_token, "_permanent": True}), domain, "/")


def csrf_token(client: FlaskClient | TestClient, path: str) -> str:
    """Returns the CSRF token of the first form on the page at `path`, to be posted as `csrf_token`.

    Raises:
        LookupError: the page has no form, or did not open.
    """
    page = client.get(path)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    if found is None:
        raise LookupError(f"there is no form at {path}: status {page.status_code}")
    return html.unescape(found[1])
