"""The whole story as a person sees it: one account, one login, pages and API. test_team_story has both stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.people import EMAIL, OpenProfile, fill, heading, log_in, log_out, notes, path, press, register
from tests.kit.duet import PASSWORD, ApiClient, Running, make_settings, running

OVER = "Session expired or invalid. Please log in again."
Program: TypeAlias = Callable[[], ApiClient]
NEW_PASSWORD = "another long passphrase"


@pytest.fixture
def ada(duet: Running, page: Page) -> Page:
    """Ada's tab, in which she is logged in."""
    duet.make_user(EMAIL, name="Ada Lovelace")
    log_in(page)
    return page


@pytest.fixture
def program(duet: Running) -> Iterator[Program]:
    """Makes API clients that are logged in as the person on the pages."""
    with ExitStack() as clients:

        def make() -> ApiClient:
            client = clients.enter_context(ApiClient(duet.url, headers={"User-Agent": "backup-script/2.1"}))
            assert client.log_in(EMAIL).status_code == 200
            return client

        yield make


def test_from_registration_to_log_out(page: Page, complaints: list[str]) -> None:
    """A newcomer registers, logs in, lands on the requested page, sees who they are, and logs out."""
    page.goto("/account/sessions?from=mail")
    assert (path(page), notes(page)) == ("/login?next=/account/sessions?from%3Dmail", ["Please log in."])
    press(page, page.get_by_role("link", name="Create an account"))
    fill(page, "Create account", email=EMAIL, password=PASSWORD, name="Ada Lovelace")
    assert (path(page), notes(page)) == (
        "/login",
        ["Your account is ready. Please log in. We mailed you a link to confirm your address."],
    )
    log_in(page, path="/account/sessions?from=mail")
    assert (path(page), heading(page)) == ("/account/sessions?from=mail", "Sessions")
    page.goto("/")
    assert heading(page) == "Hello, Ada Lovelace"
    assert EMAIL in page.locator("main").inner_text()
    log_out(page)
    assert (path(page), notes(page)) == ("/login", ["You are logged out."])
    page.goto("/")
    assert path(page).startswith("/login")
    assert complaints == []


def test_one_account_for_both_halves(
    duet: Running, page: Page, open_profile: OpenProfile, program: Program
) -> None:
    """An account made on one half logs in on the other, and the list shows the sessions of both."""
    register(page)
    log_in(page)
    api = program()
    assert api.get("/api/users/me").json()["name"] == "Ada Lovelace"
    page.goto("/account/sessions")
    rows = page.locator("tbody th").all_inner_texts()
    assert sorted(rows) == ["Chrome on Linux This one\nBrowser", "backup-script\nAPI client"]
    assert sorted(one["client_id"] for one in api.get("/api/users/me/sessions").json()) == ["api", "web"]
    new = {"email": "grace@example.com", "password": PASSWORD, "name": "Grace Hopper"}
    assert httpx.post(f"{duet.url}/api/users", json=new).status_code == 201
    other = open_profile(duet.url).new_page()
    log_in(other, "grace@example.com")
    assert heading(other) == "Hello, Grace Hopper"


def test_log_out_kills_the_copied_cookie_and_its_token(
    duet: Running, ada: Page, open_profile: OpenProfile
) -> None:
    """After the logout a copy of the cookie opens no page, and the token in it opens no route."""
    cookies = ada.context.cookies()
    (cookie,) = [one for one in cookies if one["name"] == "session"]
    token = duet.app.state.pages.session_interface.get_signing_serializer(duet.app.state.pages).loads(
        cookie["value"]
    )["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{duet.url}/api/users/me", headers=headers).status_code == 200
    thief = open_profile(duet.url)
    thief.add_cookies([{"name": "session", "value": cookie["value"], "url": duet.url}])
    stolen = thief.new_page()
    stolen.goto("/")
    assert heading(stolen) == "Hello, Ada Lovelace"
    log_out(ada)
    stolen.reload()
    assert notes(stolen) == [f"{OVER} You logged out."]
    answer = httpx.get(f"{duet.url}/api/users/me", headers=headers)
    assert (answer.status_code, "invalid_token" in answer.headers["WWW-Authenticate"]) == (401, True)


def test_a_session_that_was_ended_elsewhere(ada: Page, program: Program) -> None:
    """When the person ends all other sessions on the API, the page leads to the login, and says why."""
    api = program()
    assert api.delete("/api/users/me/sessions").status_code == 204
    ada.goto("/account")
    assert (path(ada), notes(ada)) == ("/login?next=/account", [f"{OVER} The session was ended."])
    log_in(ada, path="/account")
    assert path(ada) == "/account"


def test_ending_sessions_on_the_page(
    duet: Running, ada: Page, open_profile: OpenProfile, program: Program
) -> None:
    """'End' ends one session and 'End all others' the rest, at once, on whichever half they began."""
    phone = open_profile(duet.url).new_page()
    log_in(phone)
    api, second = program(), program()
    ada.goto("/account/sessions")
    press(ada, ada.get_by_role("row", name="backup-script").first.get_by_role("button", name="End"))
    assert notes(ada) == ["The session was ended."]
    assert sorted(one.get("/api/users/me").status_code for one in (api, second)) == [200, 401]
    press(ada, ada.get_by_role("button", name="End all others"))
    assert notes(ada) == ["All other sessions were ended."]
    assert [one.get("/api/users/me").status_code for one in (api, second)] == [401, 401]
    assert {one.refresh().status_code for one in (api, second)} == {400}
    assert "You are logged in nowhere else." in ada.locator("main").inner_text()
    phone.reload()
    assert notes(phone) == [f"{OVER} The session was ended."]
    press(ada, ada.get_by_role("row", name="This one").get_by_role("button", name="Log out"))
    assert (path(ada), notes(ada)) == ("/login", ["You are logged out."])


def test_a_changed_password_ends_the_other_sessions(
    duet: Running, ada: Page, open_profile: OpenProfile, program: Program
) -> None:
    """The session that changes the password stays; all others are out, with the reason; the old one is void."""
    phone = open_profile(duet.url).new_page()
    log_in(phone)
    api = program()
    ada.goto("/account/password")
    fill(ada, "Change password", current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert notes(ada) == ["Your password was changed. Your other sessions have ended."]
    assert api.get("/api/users/me").status_code == 401
    assert api.log_in().status_code == 400
    assert api.log_in(EMAIL, NEW_PASSWORD).status_code == 200
    phone.goto("/account/sessions")
    assert notes(phone) == [f"{OVER} The password was changed."]
    log_in(phone)
    assert (phone.title(), phone.locator("main [role=alert] li").all_inner_texts()) == (
        "Error: Log in · Duet",
        ["The e-mail address or the password is wrong."],
    )


def test_profile_and_farewell(ada: Page, program: Program) -> None:
    """A person changes their name, and deletes the account with the password as proof."""
    api = program()
    press(ada, ada.get_by_role("link", name="Account").first)
    fill(ada, "Save", name="Countess Lovelace")
    assert notes(ada) == ["Your name was saved."]
    assert api.get("/api/users/me").json()["name"] == "Countess Lovelace"
    press(ada, ada.get_by_role("link", name="Delete account"))
    fill(ada, "Delete my account", password="not the password")
    assert ada.locator("[aria-invalid=true]").count() == 1
    fill(ada, "Delete my account", password=PASSWORD)
    assert (path(ada), notes(ada)) == ("/login", ["Your account was deleted."])
    assert api.get("/api/users/me").status_code == 401
    assert api.log_in().status_code == 400


def session_cookie(profile: BrowserContext) -> str:
    """The value of a profile's session cookie."""
    [value] = [cookie["value"] for cookie in profile.cookies() if cookie["name"] == "session"]
    return value


def test_an_expiring_token_goes_unnoticed(database_url: str, tmp_path: Path, open_profile: OpenProfile) -> None:
    """An expired token is renewed with the next page, in one tab and in six that reload at one moment."""
    settings = make_settings(tmp_path, database_url=database_url, access_token_minutes=0.02)
    with running(settings) as duet:
        profile = open_profile(duet.url)
        tabs = [profile.new_page() for _ in range(6)]
        duet.make_user(EMAIL, name="Ada Lovelace")
        log_in(tabs[0])
        for tab in tabs:
            tab.goto("/account/sessions")
        before = session_cookie(profile)
        time.sleep(1.3)
        moment = time.time() * 1000 + 250
        with ExitStack() as stack:
            for tab in tabs:
                stack.enter_context(tab.expect_navigation())
            for tab in tabs:
                tab.evaluate("moment => { setTimeout(() => location.reload(), moment - Date.now()) }", moment)
        for tab in tabs:
            assert (path(tab), heading(tab), notes(tab)) == ("/account/sessions", "Sessions", [])
        assert session_cookie(profile) != before
        time.sleep(1.3)
        press(tabs[3], tabs[3].get_by_role("link", name="Home").first)
        assert (path(tabs[3]), heading(tabs[3])) == ("/", "Hello, Ada Lovelace")
        profile.close()
