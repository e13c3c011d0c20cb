"""Pages of other origins in Chromium, including a neighbour on this host, against the API and Ada's cookie."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fastapi import APIRouter, Request
from playwright.sync_api import BrowserContext
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.deps import CurrentAuth, OptionalPrincipal
from app.auth.policy import public
from app.extension import Extension
from app.main import create_app
from tests.browser.people import EMAIL, OpenProfile, log_in
from tests.kit.duet import PASSWORD, Browser, Running, make_settings
from tests.kit.live import serve

MALLORY: Final = "mallory@example.com"
ME: Final = "/api/users/me"
#: What a script of Duet's own page does: `[path, method, withToken]` to status and text.
OWN: Final = """async ([path, method, withToken]) => {
  const headers = { "Content-Type": "application/json" };
  if (withToken) headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]').content;
  const body = method === "GET" ? undefined : JSON.stringify({ name: "Countess" });
  const answer = await fetch(path, { method, headers, body });
  return [answer.status, await answer.text()];
}"""
#: The tools for every attempt: `form`, `load` and `call`, each of which leaves in `got` what it could read.
TOOLS: Final = """
window.got = [];
const read = (text) => got.push(String(text));
function form(url, enctype, fields, target) {
  const made = document.createElement("form");
  Object.assign(made, { method: "post", action: url, enctype, target });
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    made.append(input);
  }
  document.body.append(made);
  made.submit();
}
function load(kind, attributes) {
  const made = Object.assign(document.createElement(kind), attributes);
  made.onerror = () => read("error");
  made.onload = () => { try { read(made.contentDocument?.body?.innerText); } catch (error) { read(error); } };
  document.body.append(made);
}
async function call(url, options) {
  try {
    const answer = await fetch(url, { credentials: "include", ...options });
    read(answer.status + (await answer.text()));
  } catch (error) { read(error); }
}
"""
_JSON: Final = '{ "Content-Type": "application/json" }'
_NEW_PASSWORD: Final = f'{{"current_password": "{PASSWORD}", "new_password": "mallory was here ", "x": "'
#: Each attempt is told `url`, which names the attempt in its query, and `csrf`, a token of Mallory's own page.
ATTEMPTS: Final = {
    "fetch": "call(url)",
    "fetch, without CORS": "call(url, { mode: 'no-cors' })",
    "fetch, kept alive": "call(url, { mode: 'no-cors', keepalive: true, method: 'POST', body: '{}' })",
    "a change as JSON": f"call(url, {{ method: 'PATCH', headers: {_JSON}, body: '{{\"name\": \"M\"}}' }})",
    "a change with a token": "call(url, { method: 'PATCH', headers: { 'X-CSRFToken': csrf }, body: '{}' })",
    "a post as text": "call(url, { method: 'POST', mode: 'no-cors', body: '{\"name\": \"M\"}' })",
    "a post as a blob": "call(url, { method: 'POST', mode: 'no-cors', body: new Blob(['{\"name\": \"M\"}']) })",
    "a deletion": f"call(url, {{ method: 'DELETE', headers: {_JSON}, body: '{{\"password\": \"{PASSWORD}\"}}' }})",
    "another method by name": "call(url + '&_method=DELETE', { method: 'POST', mode: 'no-cors' })",
    "a form": "form(url, 'application/x-www-form-urlencoded', { name: 'M', csrf_token: csrf }, '_top')",
    "a form of parts": "form(url, 'multipart/form-data', { name: 'M', csrf_token: csrf }, '_top')",
    "a form of text that is JSON": f"form(url, 'text/plain', {{ '{_NEW_PASSWORD}': '\"}}' }}, '_top')",
    "a form into a frame": "load('iframe', { name: 'f' }); form(url, 'text/plain', { name: 'M' }, 'f')",
    "a form into a window": "form(url, 'text/plain', { '{\"name\": \"M\", \"x\": \"': '\"}' }, '_blank')",
    "a script": "load('script', { src: url })",
    "an image": "load('img', { src: url })",
    "a frame": "load('iframe', { src: url })",
    "an object": "load('object', { data: url })",
    "a stylesheet": "load('link', { rel: 'stylesheet', href: url })",
    "a prefetch": "load('link', { rel: 'prefetch', href: url })",
    "a beacon": 'navigator.sendBeacon(url, \'{"name": "M"}\')',
    "a stream of events": "new EventSource(url, { withCredentials: true }).onmessage = ({ data }) => read(data)",
    "a WebSocket": "new WebSocket(url.replace('http', 'ws')).onmessage = ({ data }) => read(data)",
    "a way there": "location.href = url",
    "a window": """const it = window.open(url);
      setTimeout(() => { try { read(it.document.body.innerText); } catch (error) { read(error); } }, 300)""",
}
#: The target of the attempts: a route that takes anything from anybody, except for those that fit another.
TARGETS: Final = {"a form of text that is JSON": f"{ME}/password", "a post as text": f"{ME}/tokens"}
REACH: Final = "/api/team/reach"


@dataclass(frozen=True)
class Arrival:
    """A request that arrived at Duet."""

    method: str
    attempt: str
    has_cookie: bool
    site: str | None


class Recorder:
    """Records the requests that arrive at the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seen: list[Arrival] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Records a request and passes it on."""
        if scope["type"] != "lifespan":
            headers = dict(scope["headers"])
            attempt = parse_qs(scope["query_string"].decode()).get("attempt", [""])[0]
            method, site = scope.get("method", "WEBSOCKET"), headers.get(b"sec-fetch-site")
            has_cookie = b"session=" in headers.get(b"cookie", b"")
            self.seen.append(Arrival(method, attempt, has_cookie, site and site.decode()))
        await self._app(scope, receive, send)

    def wait_for(self, attempt: str) -> list[Arrival]:
        """The requests of an attempt, as soon as there is one."""
        deadline = time.monotonic() + 60
        while not (found := [one for one in self.seen if one.attempt == attempt]):
            assert time.monotonic() < deadline, f"nothing arrived of: {attempt}"
            time.sleep(0.01)
        return found


@dataclass(frozen=True)
class House:
    """A Duet that is served at some port, and the requests that arrived there."""

    duet: Running
    recorder: Recorder
    #: Method and attempt of the requests that reached the team's route in Ada's name.
    in_her_name: list[tuple[str, str]]

    def url(self, host: str) -> str:
        """Duet's URL under that host name."""
        return f"http://{host}:{self.duet.url.rpartition(':')[2]}"

    def account(self) -> tuple[Any, ...]:
        """Everything of Ada's that an attack could change: the account, its tokens and its audit log."""
        auth = self.duet.auth
        user = self.duet.wait(auth.accounts.find(EMAIL))
        tokens = self.duet.wait(auth.accounts.store.tokens_of(user.id))
        return user, tokens, self.duet.wait(auth.audit.events(user_id=user.id)).items


def _team(in_her_name: list[tuple[str, str]]) -> Extension:
    """A route that needs no body, login or content type, and tells callers their own email address."""
    router = APIRouter(prefix=REACH.removeprefix("/api").rpartition("/")[0])

    @router.api_route("/reach", methods=["GET", "POST", "PATCH", "DELETE"])
    @public
    async def reach(request: Request, principal: OptionalPrincipal, auth: CurrentAuth) -> str:
        if principal is None:
            return "nobody"
        in_her_name.append((request.method, request.query_params.get("attempt", "")))
        return (await auth.accounts.get(principal.user_id)).email

    return Extension("team", routers=[router])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A Duet in which Ada and Mallory have accounts."""
    settings = make_settings(tmp_path)
    in_her_name: list[tuple[str, str]] = []
    app = create_app(settings, extensions=[_team(in_her_name)])
    recorder = Recorder(app)
    with serve(recorder) as url:
        duet = Running(url, app, settings)
        duet.make_user(EMAIL, name="Ada Lovelace")
        duet.make_user(MALLORY, name="Mallory")
        yield House(duet, recorder, in_her_name)


class _Elsewhere(BaseHTTPRequestHandler):
    """A site whose page has the tools for all attempts, and sets the cookie that its query asks for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if query := urlsplit(self.path).query:
            self.send_header("Set-Cookie", unquote(query))
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>Elsewhere</title><body><script>{TOOLS}</script>".encode())

    def log_message(self, *arguments: Any) -> None:
        """Logs nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    server.daemon_threads = True  # Chromium opens connections that it may never use; nobody waits for those
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def _profile(house: House, open_profile: OpenProfile, host: str) -> BrowserContext:
    """A profile in which Ada is logged in and has one of her pages open."""
    profile = open_profile(house.url(host))
    log_in(profile.new_page())
    return profile


#: The names that people and attackers use: Duet's, the attacker's, and the browser's word for it. Browsers send
#: Sec-Fetch-Site to secure addresses alone, of which 127.0.0.1 is one, and duet.example without TLS is not.
PLACES: Final = [
    ("127.0.0.1", "127.0.0.1", "same-site"),  # a neighbour, who shares the cookies
    ("127.0.0.1", "localhost", "cross-site"),
    ("127.0.0.1", "evil.example", "cross-site"),
    ("duet.example", "duet.example", None),
    ("duet.example", "sub.duet.example", None),
    ("duet.example", "evil.example", None),
]


@pytest.mark.parametrize(("host", "attacker", "site"), PLACES)
def test_another_origin_s_page_changes_and_reads_nothing(
    house: House, open_profile: OpenProfile, elsewhere: int, host: str, attacker: str, site: str | None
) -> None:
    """Every request that a browser lets it send arrives, mostly with Ada's cookie, and is answered as nobody's."""
    profile = _profile(house, open_profile, host)
    with Browser(house.duet.url) as mallory:
        mallory.log_in(MALLORY)
        csrf = mallory.csrf_token("/account")
    before = house.account()
    page = profile.new_page()
    for attempt, script in ATTEMPTS.items():
        page.goto(f"http://{attacker}:{elsewhere}/")
        url = f"{house.url(host)}{TARGETS.get(attempt, REACH)}?attempt={attempt.replace(' ', '%20')}"
        page.evaluate(f"([url, csrf]) => {{ {script} }}", [url, csrf])
        if "_top" in script or "location" in script:
            page.wait_for_url("**attempt=*")
        arrived = house.recorder.wait_for(attempt)
        told = None if attempt == "a WebSocket" else site  # with a handshake Chromium sends only the Origin
        assert {one.site for one in arrived} == {told}, attempt
        if script.startswith(("call(", "load(", "const it")):
            page.wait_for_function("got.length")
            got = str(page.evaluate("got"))
            assert EMAIL not in got, attempt
            assert "Lovelace" not in got, attempt
        for window in profile.pages[2:]:
            window.close()
    assert house.account() == before
    if site is None:  # the cookie counts for reads there, but the browser keeps the answers from the page
        assert {method for method, _ in house.in_her_name} == {"GET"}
    else:
        assert house.in_her_name == []
    carried = {one.attempt for one in house.recorder.seen if one.has_cookie and one.attempt}
    expected = {"a way there", "a window"} if "evil" in attacker or attacker == "localhost" else set(ATTEMPTS)
    assert carried >= expected - {one for one in ATTEMPTS if "change" in one or "deletion" in one}
    for method in ("GET", "PATCH"):
        assert profile.pages[0].evaluate(OWN, [REACH, method, True]) == [200, f'"{EMAIL}"']


def test_a_neighbour_plants_no_session(house: House, open_profile: OpenProfile, elsewhere: int) -> None:
    """Ports share cookies, but an unsigned cookie, or a second one for `/api` alone, is no session at all."""
    profile = _profile(house, open_profile, "127.0.0.1")
    ada, neighbour = profile.pages[0], profile.new_page()
    for value in ("planted", _session_of_mallory(house)):
        neighbour.goto(f"http://127.0.0.1:{elsewhere}/?session={value}; Path=/api")
        for method in ("GET", "PATCH"):
            status, text = ada.evaluate(OWN, [ME, method, True])
            assert (status, "token_invalid" in text) == (401, True)
    neighbour.goto(f"http://127.0.0.1:{elsewhere}/?session=; Path=/api; Max-Age=0")
    assert ada.evaluate(OWN, [ME, "GET", True])[0] == 200
    neighbour.goto(f"http://127.0.0.1:{elsewhere}/?session=planted; Path=/")
    status, text = ada.evaluate(OWN, [ME, "PATCH", True])
    assert (status, "token_invalid" in text) == (401, True)


def test_an_open_page_does_not_write_into_a_planted_account(
    house: House, open_profile: OpenProfile, elsewhere: int
) -> None:
    """If a neighbour swaps Ada's cookie for Mallory's, what Ada's page sends does not become Mallory's."""
    profile = _profile(house, open_profile, "127.0.0.1")
    neighbour = profile.new_page()
    neighbour.goto(f"http://127.0.0.1:{elsewhere}/?session={_session_of_mallory(house)}; Path=/")
    status, text = profile.pages[0].evaluate(OWN, [ME, "PATCH", True])
    assert (status, "same_origin_unproven" in text) == (403, True)
    assert house.duet.wait(house.duet.auth.accounts.find(MALLORY)).name == "Mallory"


def _session_of_mallory(house: House) -> str:
    """The cookie of Mallory's own login."""
    with Browser(house.duet.url) as browser:
        browser.log_in(MALLORY)
        browser.get("/account")
        return browser.cookies["session"]
