"""The programs in docs/verify-elsewhere.md, run unchanged, and called with good tokens and bad ones."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.api.answers import plain
from tests.auth.jws import b64, claims_of, dumps, head_of
from tests.clients.conftest import Site
from tests.clients.verifying import bad_tokens, new_token, rotate
from tests.kit.duet import PASSWORD, ApiClient
from tests.kit.live import serve
from tests.kit.programs import ROOT

# joserfc prefers Ed25519 to EdDSA, the name that PyJWT knows.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
DOCUMENT: Final = (ROOT / "docs/verify-elsewhere.md").read_text()


def program(beginning: str, site_url: str) -> dict[str, Any]:
    """The names that the program under the heading with this beginning defines, with the URL of Duet set."""
    section = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(beginning)]
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "service"}
    os.environ["DUET_URL"] = site_url
    try:
        exec(compile(code, f"docs: {beginning}", "exec", dont_inherit=True), names)
    finally:
        del os.environ["DUET_URL"]
    return names


@contextmanager
def wsgi_server(app: Flask) -> Iterator[str]:
    """Runs Flask's own server."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Service:
    """A documented service, running."""

    def __init__(self, url: str, names: dict[str, Any]) -> None:
        self.page = f"{url}/reports"
        self.keys = names["KEYS"]


@contextmanager
def service(kind: str, site_url: str) -> Iterator[Service]:
    """Runs the service of that kind until the block is left."""
    names = program(f"In {kind}", site_url)
    app = names["app"]
    with serve(app) if kind == "FastAPI" else wsgi_server(app) as url:
        yield Service(url, names)


@pytest.fixture(params=["FastAPI", "Flask"])
def running_service(request: pytest.FixtureRequest, site: Site) -> Iterator[Service]:
    """A running service of each kind."""
    with service(request.param, site.url) as one:
        yield one


@pytest.fixture
def reports(running_service: Service) -> str:
    """The URL of its page."""
    return running_service.page


def ask(url: str, token: str) -> httpx.Response:
    """Calls the service with a bearer token."""
    return plain.get(url, headers={"Authorization": f"Bearer {token}"})


def test_a_service_knows_its_callers(site: Site, reports: str) -> None:
    """A good token alone tells it who is calling; without a token, or with any bad one, it asks for a good one."""
    token = new_token(site, roles=["editor"])
    assert ask(reports, token).json() == {"reader": claims_of(token)["sub"], "roles": ["editor"]}
    for name, bad in bad_tokens(site, token).items():
        refused = ask(reports, bad)
        assert refused.status_code == 401, name
        assert refused.headers["WWW-Authenticate"].lower().startswith("bearer"), name
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}, {"Authorization": token}):
        assert plain.get(reports, headers=headers).status_code == 401


def test_what_the_signature_of_pyjwt_lets_out_is_a_401(site: Site, reports: str) -> None:
    """Odd JSON, deep JSON and odd names of keys are never a 500."""
    for head in ("{}", "[]", "1", '{"kid": {"a": 1}}', '{"kid": "\\ud800", "alg": "EdDSA"}', "[" * 3000):
        text = head.encode().hex()  # the right letters, but not the base64url of anything
        assert ask(reports, f"{text}.{text}.{text}").status_code == 401
        assert ask(reports, f"{b64(head.encode())}.{b64(b'{}')}.AAAA").status_code == 401


@pytest.mark.parametrize("kind", ["FastAPI", "Flask"])
def test_a_duet_that_is_away_is_nobody_s_fault(kind: str) -> None:
    """It is a 503, and not a 401, after which clients throw their tokens away."""
    with service(kind, "http://127.0.0.1:9") as one:
        assert ask(one.page, _any_token()).status_code == 503


def _any_token() -> str:
    header = {"alg": "EdDSA", "kid": "x", "typ": "at+jwt"}
    return f"{b64(dumps(header))}.{b64(b'{}')}.AAAA"


def test_a_service_does_not_see_that_a_token_was_revoked(site: Site, reports: str) -> None:
    """The document says so; Duet, which the service can ask, does see it."""
    is_active = _is_active(site)
    token = new_token(site)
    assert is_active(token)
    plain.post(f"{site.url}/api/auth/revoke", data={"token": token})
    assert ask(reports, token).status_code == 200
    assert not is_active(token)


def test_personal_tokens_and_refresh_tokens_are_told_apart(site: Site) -> None:
    """The documented check says yes to a token that opens the API, and to no other."""
    is_active = _is_active(site)
    with ApiClient(site.url, verify=False) as client:
        client.log_in(site.make_user().email, PASSWORD)
        made = client.post("/api/users/me/tokens", json={"name": "x", "read_only": True}).json()
        assert is_active(made["token"])
        assert not is_active(client.refresh_token)
        assert client.refresh().status_code == 200


def _is_active(site: Site) -> Any:
    (code,) = re.findall(r"^ +```python\n(.*?)^ +```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"httpx": plain, "DUET": site.url}
    exec("if True:\n" + code, names)
    return names["is_active"]


def test_joserfc_s_program_verifies(site: Site) -> None:
    """It verifies with the keys that it keeps, and with new keys once it may fetch them again."""
    names = program("With joserfc", site.url)
    claims_of_, token = names["claims_of"], new_token(site)
    known: Mapping[str, Any] = claims_of_(token)
    assert known["sub"] == claims_of(token)["sub"]
    for name, bad in bad_tokens(site, token).items():
        assert not _takes(claims_of_, bad), name
    rotate(site)
    after = new_token(site)
    assert head_of(after)["kid"] != head_of(token)["kid"]
    names["_kept"]["may_ask"] = 0.0  # those five seconds are over
    assert claims_of_(after)["sub"] == claims_of(after)["sub"]
    assert claims_of_(token)["sub"] == claims_of(token)["sub"]


def _takes(verify: Any, token: str) -> bool:
    try:
        verify(token)
    except Exception:
        return False
    return True


def test_a_service_takes_new_keys(site: Site, running_service: Service) -> None:
    """A token with an unknown key makes the service fetch the keys, as soon as it may."""
    before = new_token(site)
    assert ask(running_service.page, before).status_code == 200
    rotate(site)
    after = new_token(site)
    assert head_of(after)["kid"] != head_of(before)["kid"]
    assert ask(running_service.page, after).status_code == 401
    running_service.keys._last_successful_fetch -= 5  # those five seconds are over
    assert ask(running_service.page, after).status_code == 200
    assert ask(running_service.page, before).status_code == 200
