"""Several tabs of one person: the others notice a logout in one, and nothing else disturbs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.people import EMAIL, OpenProfile, fill, heading, log_in, log_out, notes, path, press
from tests.kit.duet import ApiClient, Running, make_settings, running

OTHER = "grace@example.com"
#: How soon a tab has to notice, in milliseconds.
PROMISED = 2_000
#: Files that browsers ask for by themselves, sometimes late.
ICON = "/static/duet.svg"
TO_LOGIN = re.compile(r"/login\?next=")


@pytest.fixture
def duet(tmp_path: Path) -> Iterator[Running]:
    """A Duet with two people."""
    with running(make_settings(tmp_path)) as one:
        one.make_user(EMAIL, name="Ada Lovelace")
        one.make_user(OTHER, name="Grace Hopper")
        yield one


def open_tab(profile: BrowserContext, address: str) -> Page:
    """Another tab of the profile."""
    page = profile.new_page()
    page.goto(address)
    page.evaluate("window.isTheSamePage = true")
    return page


def is_untouched(page: Page) -> bool:
    """Whether the tab still has the page that `open_tab` opened, without a reload."""
    same: bool = page.evaluate("window.isTheSamePage === true")
    return same


def come_back(page: Page) -> None:
    """Fires the event by which a browser tells a tab that the person came back to it."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_log_out_in_one_tab_logs_out_the_others(profile: BrowserContext, complaints: list[str]) -> None:
    """Every other tab of the profile shows the login within two seconds, and leads back to where it was."""
    first = profile.pages[0]
    others = [
        open_tab(profile, address) for address in ("/account", "/account/sessions?from=mail#main", "/nowhere")
    ]
    log_out(first)
    for tab in others[:2]:
        tab.wait_for_url(TO_LOGIN, timeout=PROMISED)
        assert (heading(tab), EMAIL in tab.content()) == ("Log in", False)
    assert path(others[1]) == "/login?next=/account/sessions?from%3Dmail"
    others[2].get_by_role("link", name="Log in").wait_for(timeout=PROMISED)  # a page for everybody stays
    assert (path(first), notes(first)) == ("/login", ["You are logged out."])
    assert complaints == []


def test_a_log_out_that_leads_nowhere(profile: BrowserContext) -> None:
    """If the page after the logout never arrives, and so can tell the other tabs nothing, they notice as well."""
    first, second = profile.pages[0], open_tab(profile, "/account")
    first.route("**/login", lambda route: None)  # this tab is left waiting
    first.get_by_role("button", name="Log out", exact=True).click(no_wait_after=True)
    second.wait_for_url(TO_LOGIN, timeout=PROMISED)
    assert heading(second) == "Log in"


def test_every_tab_can_log_in_after_it(profile: BrowserContext) -> None:
    """In all tabs that were led to the login at one moment the forms still count."""
    first, second = profile.pages[0], open_tab(profile, "/account")
    log_out(first)
    second.wait_for_url(TO_LOGIN, timeout=PROMISED)
    fill(first, "Log in", email=EMAIL, password="not the password")
    assert "wrong" in first.locator("main [role=alert]").inner_text()
    fill(second, "Log in", email=OTHER, password="not the password either")
    assert "wrong" in second.locator("main [role=alert]").inner_text()


def test_other_profiles_are_left_alone(duet: Running, profile: BrowserContext, open_profile: OpenProfile) -> None:
    """The same person stays logged in with another browser."""
    phone = open_profile(duet.url)
    log_in(phone.new_page())
    far, near = open_tab(phone, "/account"), open_tab(profile, "/account")
    log_out(profile.pages[0])
    near.wait_for_url(TO_LOGIN, timeout=PROMISED)
    assert is_untouched(far)
    far.reload()
    assert path(far) == "/account"


def test_typed_text_is_left_alone(profile: BrowserContext) -> None:
    """While the person opens pages in other tabs and comes back, a tab neither asks the server nor reloads."""
    tab = open_tab(profile, "/account")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(urlsplit(request.url).path))
    tab.fill("[name=name]", "Countess Lovelace")
    other = open_tab(profile, "/")
    for address in ("/account/sessions", "/nowhere", "/account/password"):
        other.goto(address)
    other.wait_for_timeout(500)
    assert set(asked) <= {ICON}
    with tab.expect_response("**/session"):
        come_back(tab)
    tab.wait_for_timeout(200)
    assert is_untouched(tab)
    assert tab.input_value("[name=name]") == "Countess Lovelace"
    assert set(asked) - {ICON} == {"/session"}
    assert asked.count("/session") == 1


def test_another_person_in_another_tab(duet: Running, profile: BrowserContext, open_profile: OpenProfile) -> None:
    """When somebody else logs in in the second tab, the first shows nothing of the earlier person any more."""
    first, second = profile.pages[0], open_tab(profile, "/account")
    phone = open_profile(duet.url)
    log_in(phone.new_page(), OTHER)
    # No logout and no login page of this profile tells the first tab, but only the page that is drawn for Grace.
    profile.add_cookies([one for one in phone.cookies() if one["name"] == "session"])  # type: ignore[misc]
    second.goto("/account/sessions")
    first.get_by_role("heading", name="Hello, Grace Hopper").wait_for(timeout=PROMISED)
    assert EMAIL not in first.content()


def test_a_login_over_a_login(profile: BrowserContext) -> None:
    """When the second tab logs in as somebody else, the first does not go on as the earlier person."""
    first, second = profile.pages[0], open_tab(profile, "/account")
    log_out(second)
    log_in(second, OTHER)
    first.get_by_role("heading", name="Log in").wait_for(timeout=PROMISED)
    first.goto("/")
    assert heading(first) == "Hello, Grace Hopper"


def test_a_login_page_is_left_alone(duet: Running, open_profile: OpenProfile) -> None:
    """A login page keeps what is being typed when another tab logs in or out."""
    profile = open_profile(duet.url)
    waiting = open_tab(profile, "/register")
    waiting.fill("[name=email]", "new@example.com")
    second = profile.new_page()
    log_in(second)
    log_out(second)
    second.wait_for_timeout(500)
    assert is_untouched(waiting)
    assert waiting.input_value("[name=email]") == "new@example.com"


def test_back_after_a_log_out_in_another_tab(duet: Running, open_profile: OpenProfile) -> None:
    """The back button of a tab that was led to the login shows nothing that was kept."""
    profile = open_profile(duet.url, page_cache=True)
    log_in(profile.new_page())
    tab = open_tab(profile, "/account")
    tab.goto("/account/sessions")
    log_out(profile.pages[0])
    tab.wait_for_url(TO_LOGIN, timeout=PROMISED)
    tab.go_back()
    assert (path(tab), heading(tab)) == ("/login?next=/account", "Log in")
    assert "Ada" not in tab.content()


def test_a_session_that_was_ended_elsewhere(duet: Running, profile: BrowserContext) -> None:
    """A tab that a person comes back to notices that the session was ended from another device, and says so."""
    tab = open_tab(profile, "/account")
    with ApiClient(duet.url) as api:
        api.log_in(EMAIL)
        assert api.delete("/api/users/me/sessions").status_code == 204
    assert is_untouched(tab)
    come_back(tab)
    tab.wait_for_url(TO_LOGIN, timeout=PROMISED)
    assert notes(tab) == ["Session expired or invalid. Please log in again. The session was ended."]
    # The other tab goes to the login too, and closing a profile in the middle of that may take for ever.
    profile.pages[0].wait_for_url(TO_LOGIN, timeout=PROMISED)


def test_a_form_that_was_sent_is_not_sent_again(profile: BrowserContext) -> None:
    """After a logout a page that answered a form is fetched again, without sending the form once more."""
    tab = open_tab(profile, "/account")
    fill(tab, "Save", name="W" * 300)
    assert tab.locator("[aria-invalid=true]").count() == 1
    sent: list[str] = []
    tab.on("request", lambda request: sent.append(request.method))
    log_out(profile.pages[0])
    tab.wait_for_url(TO_LOGIN, timeout=PROMISED)
    assert set(sent) == {"GET"}


def test_without_javascript_the_next_page_tells(duet: Running, open_profile: OpenProfile) -> None:
    """Where scripts are off, the other tab learns of the logout from its next page."""
    profile = open_profile(duet.url, java_script_enabled=False)
    first, second = profile.new_page(), profile.new_page()
    log_in(first)
    second.goto("/account")
    log_out(first)
    press(second, second.get_by_role("link", name="Sessions").first)
    assert (path(second), notes(second)) == ("/login?next=/account/sessions", ["Please log in."])
