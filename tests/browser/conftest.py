"""Chromium: one for all tests in this folder, with a fresh profile for each."""

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
    "--host-resolver-rules=MAP *.example 127.0.0.1",  # names without TLS are no secure context
    "--disable-features=HttpsUpgrades",
)


class Chromiums:
    """Debian's Chromium, headless: one, and another with the back/forward cache, each started when it is needed.

    People have that cache, which may keep a private page. Playwright switches it off; profiles with it are left
    open until the browser ends, because Playwright sometimes waits for ever while closing one.
    """

    def __init__(self, kind: BrowserType, path: str) -> None:
        self._kind = kind
        self._path = path
        self._started: dict[bool, Chromium] = {}

    def get(self, *, page_cache: bool) -> Chromium:
        """Returns the browser with the back/forward cache, or the one without it."""
        if page_cache not in self._started:
            flags = ["--disable-back-forward-cache"] if page_cache else []
            self._started[page_cache] = self._kind.launch(
                executable_path=self._path, args=list(_FLAGS), ignore_default_args=flags
            )
        return self._started[page_cache]

    def close(self) -> None:
        """Closes both browsers."""
        for one in self._started.values():
            one.close()


# The scope is the package, not the session: while Playwright runs, no asyncio test can run in this thread.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromiums]:
    """Debian's Chromium, without windows if that build is installed: the same engine at a third of the cost."""
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
    """What Chromium complains about on the pages of this test: CSP violations, errors and missing files."""
    return []


@pytest.fixture
def open_profile(chromium: Chromiums, complaints: list[str]) -> Iterator[OpenProfile]:
    """Makes profiles that share nothing with each other, and collects their complaints."""
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
    # A page that answers 401, 404 or 422 is not at fault; a page one of whose files does is.
    if message.text.startswith("Failed to load resource") and message.location["url"] == page.url:
        return
    complaints.append(f"{page.url}: {message.text}")


@pytest.fixture
def page(duet: Running, open_profile: OpenProfile) -> Page:
    """A tab on a Duet with its default settings, in which nobody is logged in."""
    return open_profile(duet.url).new_page()
