"""The scripts of Duet's own pages on the API, in Chromium. Those of other origins: `test_other_origins.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

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
