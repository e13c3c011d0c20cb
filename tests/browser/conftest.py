"""Chromium: one for all tests of this folder, and a fresh profile for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.people import OpenProfile
from tests.duet import Running

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


# Of the package and not of the session: while Playwright runs, no asyncio test can run in this thread.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    if path is None:
        reason = "there is no chromium on PATH: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # With the back/forward cache that people have, and Playwright switches off: it may keep a private page.
        people_have = ["--disable-back-forward-cache"]
        browser = playwright.chromium.launch(
            executable_path=path, args=list(_FLAGS), ignore_default_args=people_have
        )
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What Chromium complains about on the pages of this test: CSP violations, errors, files that are missing."""
    return []


@pytest.fixture
def open_profile(chromium: Chromium, complaints: list[str]) -> Iterator[OpenProfile]:
    """Makes profiles that share nothing with each other, and whose complaints are collected."""
    profiles: list[BrowserContext] = []

    def listen(page: Page) -> None:
        page.on("console", lambda message: _note(complaints, page, message))
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))

    def make(url: str, **given: Any) -> BrowserContext:
        profile = chromium.new_context(base_url=url, **given)
        profile.set_default_timeout(15_000)
        profile.on("page", listen)
        profiles.append(profile)
        return profile

    yield make
    for profile in profiles:
        profile.close()


def _note(complaints: list[str], page: Page, message: ConsoleMessage) -> None:
    if message.type not in ("error", "warning"):
        return
    # A page that answers 401, 404 or 422 is no fault of the page's; a file of it that does is one.
    if message.text.startswith("Failed to load resource") and message.location["url"] == page.url:
        return
    complaints.append(f"{page.url}: {message.text}")


@pytest.fixture
def page(duet: Running, open_profile: OpenProfile) -> Page:
    """A tab on a Duet with its default settings, by which nobody is logged in."""
    return open_profile(duet.url).new_page()
