"""The scripts of pages on the API, in Chromium: Duet's own, and those of pages on another origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.people import EMAIL, OpenProfile, log_in
from tests.duet import Running, make_settings, running

ME = "/api/users/me"

#: A call of the API by a script of the page: what it got to read, or how it failed.
CALL = """async ([url, method, headers, mode]) => {
  try {
    const body = method === "GET" ? undefined : JSON.stringify({ name: "Mallory" });
    const answer = await fetch(url, { method, headers, mode, body, credentials: "include" });
    return [answer.status, await answer.text()];
  } catch (error) {
    return [0, String(error)];
  }
}"""
#: The same, as Duet's own pages do it.
OWN_CALL = """async (name) => {
  const csrf = document.querySelector('meta[name="csrf-token"]').content;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrf };
  const answer = await fetch("/api/users/me", { method: "PATCH", headers, body: JSON.stringify({ name }) });
  return answer.json();
}"""


@pytest.fixture
def duet(tmp_path: Path) -> Iterator[Running]:
    """A Duet whose access tokens live for a second and a half."""
    with running(make_settings(tmp_path, access_token_minutes=0.025)) as one:
        one.make_user(EMAIL, name="Ada")
        yield one


@pytest.fixture
def profile(duet: Running, open_profile: OpenProfile) -> BrowserContext:
    """A profile in which Ada is logged in."""
    profile = open_profile(duet.url)
    log_in(profile.new_page())
    return profile


class _Elsewhere(BaseHTTPRequestHandler):
    """A site that answers every GET with an empty page, which may do whatever it likes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title><p>Nothing to see here.</p>")

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another site on this host: 127.0.0.1 there shares Duet's cookies, localhost is another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def name_of(duet: Running) -> str:
    """Ada's name, as the store has it."""
    return str(duet.wait(duet.auth.accounts.find(EMAIL)).name)


def test_a_page_calls_the_api_with_its_login(profile: BrowserContext, duet: Running) -> None:
    """It reads and writes, also when the token in the cookie has run out; without its CSRF token it only reads."""
    page = profile.pages[0]
    for name in ("Grace", "Hedy"):
        status, text = page.evaluate(CALL, [ME, "GET", {}, "same-origin"])
        assert status == 200
        assert EMAIL in text
        assert page.evaluate(OWN_CALL, name)["name"] == name
        page.wait_for_timeout(1_600)  # the token's life is over, and the page was not loaded anew
    cookies = profile.cookies()
    json = {"Content-Type": "application/json"}
    status, text = page.evaluate(CALL, [ME, "PATCH", json, "same-origin"])
    assert (status, "same_origin_unproven" in text) == (403, True)
    assert name_of(duet) == "Hedy"
    assert profile.cookies() == cookies, "the API wrote a cookie"


#: What a page may try with a form, a frame, a script or a beacon. `url` is the API's address.
TRIES = {
    "a form of text that is JSON": """(url) => { document.body.innerHTML = `<iframe name="into"></iframe>
        <form method="post" enctype="text/plain" target="into" action="${url}/api/users/me/password">
        <input name='{"current_password": "correct horse battery", "new_password": "mallory was here ' value='"}'>
        </form>`; document.forms[0].submit(); }""",
    "a form of its own window": """(url) => { document.body.innerHTML = `<form method="post"
        action="${url}/api/users/me/tokens"><input name="name" value="mallory"></form>`;
        document.forms[0].submit(); }""",
    "a beacon": """(url) => navigator.sendBeacon(`${url}/api/users/me/tokens`, '{"name": "mallory"}')""",
    "a script, an image and a frame": """(url) => { for (const kind of ["script", "img", "iframe"]) {
        const made = document.createElement(kind); made.src = `${url}/api/users/me`;
        document.body.append(made); } }""",
    "a window": """(url) => { window.opened = window.open(`${url}/api/users/me`); }""",
    "a WebSocket": """(url) => { new WebSocket(url.replace("http", "ws") + "/api/users/me"); }""",
}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_does_nothing(
    profile: BrowserContext, duet: Running, elsewhere: int, host: str
) -> None:
    """Neither one that shares the cookies nor one of another site changes anything, or reads anything."""
    page = profile.new_page()
    page.goto(f"http://{host}:{elsewhere}/")
    csrf = profile.pages[0].locator('meta[name="csrf-token"]').get_attribute("content")
    json = {"Content-Type": "application/json"}
    for method in ("GET", "PATCH", "POST", "DELETE"):
        for headers in ({}, json, {**json, "X-CSRFToken": csrf}):
            for mode in ("cors", "no-cors"):
                status, text = page.evaluate(CALL, [f"{duet.url}{ME}", method, headers, mode])
                assert (status, EMAIL in text) == (0, False), (method, headers, mode, text)
    for attempt in TRIES.values():
        _try(profile, f"http://{host}:{elsewhere}/", attempt, duet)
    user = duet.wait(duet.auth.accounts.find(EMAIL))
    assert (user.name, user.password_changed_at) == ("Ada", None)
    assert duet.wait(duet.auth.accounts._store.tokens_of(user.id)) == []
    assert profile.pages[0].evaluate(CALL, [ME, "GET", {}, "same-origin"])[0] == 200


def _try(profile: BrowserContext, address: str, attempt: str, duet: Running) -> None:
    """Opens the page and lets it try; whatever it opens shows nothing of Ada."""
    page = profile.new_page()
    page.goto(address)
    page.evaluate(attempt, duet.url)
    page.wait_for_timeout(150)
    opened: list[Page] = [one for one in profile.pages if one not in profile.pages[:2]]
    for one in opened:
        for frame in one.frames:
            assert EMAIL not in frame.content()
        one.close()
