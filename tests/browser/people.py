"""What people do on the pages, in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from playwright.sync_api import BrowserContext, Locator, Page

from tests.kit.duet import PASSWORD

#: Opens a new profile on a site: `open_profile(url, viewport=…)`.
OpenProfile: TypeAlias = Callable[..., BrowserContext]

EMAIL = "ada@example.com"


def fill(page: Page, button: str, **fields: str) -> None:
    """Types into the form's fields, by name, and presses `button`."""
    for name, value in fields.items():
        page.fill(f"main [name={name}]", value)
    press(page, page.get_by_role("button", name=button, exact=True))


def press(page: Page, button_or_link: Locator) -> None:
    """Presses a link or button that leads to another page, and waits for that page."""
    with page.expect_navigation():
        button_or_link.click()


def register(page: Page, email: str = EMAIL, password: str = PASSWORD, name: str = "Ada Lovelace") -> None:
    """Makes an account."""
    page.goto("/register")
    fill(page, "Create account", email=email, password=password, name=name)


def log_in(page: Page, email: str = EMAIL, password: str = PASSWORD, *, path: str = "/login") -> None:
    """Logs in from `path`, which may be a page that leads to the login."""
    page.goto(path)
    page.locator("main").get_by_role("heading", name="Log in").wait_for()
    fill(page, "Log in", email=email, password=password)


def log_out(page: Page) -> None:
    """Presses the logout button in the page's header."""
    press(page, page.get_by_role("button", name="Log out", exact=True))


def heading(page: Page) -> str:
    """The heading of the page."""
    return page.locator("main h1").inner_text()


def notes(page: Page) -> list[str]:
    """The messages at the top of the page."""
    return page.locator("main > .note").all_inner_texts()


def path(page: Page) -> str:
    """The path of the current page."""
    return "/" + page.url.split("/", 3)[3]
