"""Chromium: one for all tests of this folder, and a fresh profile for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, BrowserType, ConsoleMessage, Page, sync_playwright

from tests.browser.people import OpenProfile, log_in
from tests.kit.duet import Running

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP *.example 127.0.0.1",  # names that are no secure context, without TLS
    "--disable-features=HttpsUpgrades",
)


class Chromiums:
    """Debian's Chromium, headless: one, and a second one with the back/forward cache, each if it is asked for.

    People have that cache, which may keep a private page. Playwright switches it off; profiles with it are left
    open until the browser ends, since Playwright has been seen to wait for ever for the closing of one.
    """

    def __init__(self, kind: BrowserType, path: str) -> None:
        self._kind = kind
        self._path = path
        self._started: dict[bool, Chromium] = {}

    def get(self, *, page_cache: bool) -> Chromium:
        """The one, or the other."""
        if page_cache not in self._started:
            flags = ["--disable-back-forward-cache"] if page_cache else []
            self._started[page_cache] = self._kind.launch(
                executable_path=self._path, args=list(_FLAGS), ignore_default_args=flags
            )
        return self._started[page_cache]

    def close(self) -> None:
        """Ends both."""
        for one in self._started.values():
            one.close()


# Of the package and not of the session: while Playwright runs, no asyncio test can run in this thread.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromiums]:
    """Debian's Chromium; the one without windows, if it is installed: the same engine at a third of the cost."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        reason = "there is no chromium on PATH: apt-get install chromium-headless-shell"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromiums = Chromiums(playwright.chromium, path)
        yield chromiums
        chromiums.close()


@pytest.fixture
def complaints() -> list[str]:
    """What Chromium complains about on the pages of this test: CSP violations, errors, files that are missing."""
    return []


@pytest.fixture
def open_profile(chromium: Chromiums, complaints: list[str]) -> Iterator[OpenProfile]:
    """Makes profiles that share nothing with each other, and whose complaints are collected."""
    profiles: list[BrowserContext] = []

    def listen(page: Page) -> None:
        page.on("console", lambda message: _note(complaints, page, message))
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))

    def make(url: str, *, page_cache: bool = False, **given: Any) -> BrowserContext:
        profile = chromium.get(page_cache=page_cache).new_context(base_url=url, **given)
        profile.set_default_timeout(15_000)
        profile.on("page", listen)
        profiles.append(profile)
        return profile

    yield make
    for profile in profiles:
        if profile.browser is chromium.get(page_cache=False):
            profile.close()


@pytest.fixture
def profile(duet: Running, open_profile: OpenProfile) -> BrowserContext:
    """A profile in which Ada, who has an account on the module's Duet, is logged in."""
    profile = open_profile(duet.url)
    log_in(profile.new_page())
    return profile


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
