"""The scripts of Duet's own pages on the API, in Chromium. `test_other_origins.py` has those of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from examples.notes import extension
from tests.browser.people import EMAIL, OpenProfile, fill, log_in, log_out
from tests.kit.duet import Running, make_settings, running

ME = "/api/users/me"

#: A call of the API by the page's script: what it could read, or how it failed.
CALL = """async ([url, method, headers, mode]) => {
  try {
    const body = method === "GET" ? undefined : JSON.stringify({ name: "Mallory" });
    const answer = await fetch(url, { method, headers, mode, body, credentials: "include" });
    return [answer.status, await answer.text()];
  } catch (error) {
    return [0, String(error)];
  }
}"""
#: The same call, made as Duet's own pages make it.
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


def name_of(duet: Running) -> str:
    """Ada's name, as the store has it."""
    return str(duet.wait(duet.auth.accounts.find(EMAIL)).name)


def test_a_page_calls_the_api_with_its_login(profile: BrowserContext, duet: Running) -> None:
    """It reads and writes, even when the token in the cookie has expired; without its CSRF token it only reads."""
    page = profile.pages[0]
    for name in ("Grace", "Hedy"):
        status, text = page.evaluate(CALL, [ME, "GET", {}, "same-origin"])
        assert status == 200
        assert EMAIL in text
        assert page.evaluate(OWN_CALL, name)["name"] == name
        page.wait_for_timeout(1_600)  # the token has expired, and the page was not loaded anew
    cookies = profile.cookies()
    json = {"Content-Type": "application/json"}
    status, text = page.evaluate(CALL, [ME, "PATCH", json, "same-origin"])
    assert (status, "same_origin_unproven" in text) == (403, True)
    assert name_of(duet) == "Hedy"
    assert profile.cookies() == cookies, "the API wrote a cookie"


@pytest.fixture
def notes_page(tmp_path: Path, open_profile: OpenProfile) -> Iterator[Page]:
    """The example's page of notes, on which Ada has two."""
    settings = make_settings(tmp_path)
    with running(settings, extensions=[extension(settings)]) as duet:
        duet.make_user(EMAIL)
        page = open_profile(duet.url).new_page()
        log_in(page, path="/notes")
        for text in ("Milk", "Bread"):
            fill(page, "Save", text=text)
        yield page


def test_the_example_deletes_a_note_without_a_new_page(notes_page: Page, complaints: list[str]) -> None:
    """With the page's login the note is gone here and on the server, and after the last one the page says so."""
    page = notes_page
    page.evaluate("window.isTheSamePage = true")
    with page.expect_response("**/api/notes/*") as answer:
        page.locator("article", has_text="Milk").get_by_role("button").click()
    assert answer.value.status == 204
    page.locator("article", has_text="Milk").wait_for(state="detached")
    assert page.evaluate("window.isTheSamePage === true")
    with page.expect_navigation():
        page.locator("article").get_by_role("button").click()
    assert page.locator(".empty").inner_text() == "There is no note yet."
    assert complaints == []


def test_the_example_s_script_leaves_a_log_out_to_the_page(notes_page: Page) -> None:
    """If the session has ended, the form is sent as without the script, and leads to the login."""
    page = notes_page
    other = page.context.new_page()
    page.evaluate("self.BroadcastChannel = undefined")
    page.route("**/session", lambda route: route.abort())  # so that this tab has not noticed yet
    other.goto("/account")
    log_out(other)
    page.locator("article", has_text="Milk").get_by_role("button").click()
    page.wait_for_url("**/login**")
