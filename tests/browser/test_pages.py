"""How the pages behave in a browser: scripts, keyboard, phones, colours, the back button and the policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Blueprint, abort
from playwright.sync_api import Page

from app.auth.errors import RoleMissing, StoreUnavailable
from app.auth.policy import public, require
from app.extension import Extension
from tests.browser.people import EMAIL, OpenProfile, fill, heading, log_in, log_out, notes, path, press
from tests.kit.duet import PASSWORD, ApiClient, Running, make_settings, running

OPEN_PAGES = (
    "/login",
    "/register",
    "/forgot-password",
    "/resend-verification",
    "/reset-password/made.up",
    "/nowhere",
)
PRIVATE_PAGES = (
    "/",
    "/account",
    "/account/email",
    "/account/password",
    "/account/sessions",
    "/account/tokens",
    "/account/activity",
    "/account/data",
    "/account/delete",
    "/reauthenticate",
    "/admin/users",
    "/admin/invites",
    "/admin/audit",
    "/admin/routes",
)
ERROR_PAGES = ("/broken/403", "/broken/413", "/broken/429", "/broken/500", "/broken/503", "/broken/role")


def make_broken() -> Blueprint:
    """Pages that fail in every way a page can."""
    blueprint = Blueprint("broken", __name__, url_prefix="/broken")

    @blueprint.get("/<int:status>")
    @public
    def fail(status: int) -> str:
        if status == 500:
            raise RuntimeError("broken on purpose")
        if status == 503:
            raise StoreUnavailable()
        abort(status)

    @blueprint.get("/role")
    @public
    def role() -> str:
        raise RoleMissing("accountant")

    return blueprint


def make_vault() -> Blueprint:
    """A page that wants the password to have been proven within the last two seconds."""
    blueprint = Blueprint("vault", __name__, url_prefix="/vault")

    @blueprint.get("/door")
    @require(fresh=timedelta(seconds=2))
    def door() -> str:
        return "<main><h1>The vault is open</h1></main>"

    return blueprint


@pytest.fixture
def duet(tmp_path: Path) -> Iterator[Running]:
    """A Duet with an admin and Ada, and with pages that break or want a fresh login."""
    extensions = [Extension("broken", blueprints=[make_broken()]), Extension("vault", blueprints=[make_vault()])]
    with running(make_settings(tmp_path), extensions=extensions) as one:
        one.make_user(EMAIL, name="Ada Lovelace", roles=["admin"])
        yield one


def test_no_page_offends_the_policy(page: Page, complaints: list[str]) -> None:
    """No page makes Chromium complain: no CSP violation, no error, no missing file."""
    for address in (*OPEN_PAGES, *ERROR_PAGES):
        page.goto(address)
        page.locator("main h1").wait_for()
    log_in(page, password="wrong on purpose")
    log_in(page)
    for address in PRIVATE_PAGES:
        page.goto(address)
        assert path(page) == address
    assert complaints == []


PAPERS = {"light": "rgb(248, 246, 242)", "dark": "rgb(20, 25, 28)"}
LONG_EMAIL = "w" * 60 + "@" + "long-" * 11 + "name.example"


def test_every_page_fits_a_small_phone(duet: Running, open_profile: OpenProfile, tmp_path: Path) -> None:
    """At 320 px nothing scrolls sideways, in light and dark; a picture is kept of a page that does."""
    page = open_profile(duet.url, viewport={"width": 320, "height": 640}).new_page()

    def look(name: str) -> None:
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert width <= 320, f"{name} is {width} px wide"
        for scheme in PAPERS:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == PAPERS[scheme]

    for address in (*OPEN_PAGES, *ERROR_PAGES):
        page.goto(address)
        look(address.strip("/").replace("/", "-"))
    page.goto("/register")
    fill(page, "Create account", email="ada", password="short", name="A" * 300)
    look("register-errors")
    log_in(page, email="an.unusually.long.address.that.somebody.has@a-company-with-a-long-name.example")
    look("login-error")
    duet.make_user(LONG_EMAIL, name="W" * 100, roles=["admin", "r" * 32])
    log_in(page, LONG_EMAIL)
    for address in PRIVATE_PAGES:
        page.goto(address)
        assert path(page) == address
        look(address.strip("/").replace("/", "-") or "home")


def test_every_page_works_without_javascript(duet: Running, open_profile: OpenProfile) -> None:
    """With JavaScript switched off a person can do everything that the pages offer."""
    page = open_profile(duet.url, java_script_enabled=False).new_page()
    page.goto("/register")
    fill(page, "Create account", email="grace@example.com", password=PASSWORD, name="Grace")
    log_in(page, "grace@example.com", path="/account")
    fill(page, "Save", name="Grace Hopper")
    assert notes(page) == ["Your name was saved."]
    page.goto("/account/password")
    fill(page, "Change password", current_password=PASSWORD, new_password=PASSWORD + " 2")
    assert notes(page) == ["Your password was changed. Your other sessions have ended."]
    page.goto("/reauthenticate")
    fill(page, "Continue", password=PASSWORD + " 2")
    with ApiClient(duet.url) as api:
        api.log_in("grace@example.com", PASSWORD + " 2")
        page.goto("/account/sessions")
        press(page, page.get_by_role("button", name="End all others"))
        assert api.get("/api/users/me").status_code == 401
    page.goto("/account/delete")
    fill(page, "Delete my account", password=PASSWORD + " 2")
    assert notes(page) == ["Your account was deleted."]
    page.goto("/api/docs")
    assert page.locator("noscript a").get_attribute("href") == "/api/openapi.json"


def test_back_after_a_log_out_shows_no_private_page(duet: Running, open_profile: OpenProfile) -> None:
    """The back button after a logout leads to the login, and not to a page that was kept."""
    page = open_profile(duet.url, page_cache=True).new_page()
    log_in(page)
    page.goto("/account")
    page.goto("/account/sessions")
    log_out(page)
    for _ in range(3):
        page.go_back()
        assert "Ada" not in page.content()
        assert EMAIL not in page.content()
        assert (path(page).split("?")[0], heading(page)) == ("/login", "Log in")


def focused(page: Page) -> str:
    """The name, or else the text, of the focused element."""
    name: str = page.evaluate("document.activeElement.name || document.activeElement.innerText")
    return name


def has_visible_focus(page: Page) -> bool:
    """Whether the focused element is drawn with an outline, within the window."""
    visible: bool = page.evaluate(
        """() => {
            const element = document.activeElement, style = getComputedStyle(element)
            const box = element.getBoundingClientRect()
            return parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none' && box.top >= 0
                && box.bottom <= innerHeight && box.width > 0
        }"""
    )
    return visible


def test_the_keyboard_is_enough(page: Page) -> None:
    """Tab and Enter alone log a person in and out, and the focus is visible at every step."""
    page.goto("/login")
    assert focused(page) == "email"
    assert has_visible_focus(page)
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    assert (focused(page), has_visible_focus(page)) == ("password", True)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    assert (focused(page), has_visible_focus(page)) == ("Log in", True)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert heading(page) == "Hello, Ada Lovelace"
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        assert has_visible_focus(page), focused(page)
        order.append(focused(page).strip())
    assert order == [
        "Skip to content",
        "Duet",
        "Home",
        "Account",
        "Admin",
        "Log out",
        "Account",
        "Sessions",
        "API docs",
    ]
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert notes(page) == ["You are logged out."]


def test_the_skip_link_leads_past_the_menu(page: Page) -> None:
    """The first Tab and Enter lead to the content, and the next Tab goes on from there."""
    log_in(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_errors_of_a_form_are_tied_to_their_fields(page: Page) -> None:
    """The fault is in the title, in an alert whose links lead to the fields, and at each field."""
    page.goto("/register")
    fill(page, "Create account", email="ada", password=PASSWORD)
    assert page.title().startswith("Error: ")
    email = page.locator("[name=email]")
    assert (email.get_attribute("aria-invalid"), email.input_value()) == ("true", "ada")
    described = (email.get_attribute("aria-describedby") or "").split()
    assert "That is not an e-mail address." in [page.locator(f"#{one}").inner_text() for one in described]
    page.locator("[name=password]").focus()
    page.get_by_role("alert").get_by_role("link").click()
    assert focused(page) == "email"


def test_a_stale_login_is_refreshed_by_the_password(page: Page) -> None:
    """A page that wants a fresh login asks for the password again, and then opens."""
    log_in(page, path="/vault/door")
    assert heading(page) == "The vault is open"
    page.wait_for_timeout(2_100)
    page.goto("/vault/door")
    assert (path(page), heading(page)) == (
        "/reauthenticate?next=/vault/door",
        "Confirm it\N{RIGHT SINGLE QUOTATION MARK}s you",
    )
    fill(page, "Continue", password="not the password")
    assert "The password is wrong." in page.locator("main").inner_text()
    fill(page, "Continue", password=PASSWORD)
    assert (path(page), heading(page)) == ("/vault/door", "The vault is open")


NASTY = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/%09/evil.example",
    "/%5Cevil.example",
    "/.//evil.example",
    "/..//evil.example",
    "https:evil.example",
    "https://evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "%2F%2Fevil.example",
    "/account%0d%0aLocation:%20https://evil.example",
    "/account\r\nLocation: https://evil.example",
    " //evil.example",
    "@evil.example",
    ".evil.example",
    "/@evil.example",
    "/account?next=//evil.example",
    "/" + "a" * 5000,
)


def test_next_never_leaves_this_site(duet: Running, page: Page) -> None:
    """Whatever `next` says, Chromium ends up on this site after the login."""
    log_in(page)
    for target in NASTY:
        page.goto(f"/login?next={quote(target, safe='')}")
        assert page.url.startswith(f"{duet.url}/"), target
