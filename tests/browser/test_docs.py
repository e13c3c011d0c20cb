"""Swagger UI in Chromium: it logs in, calls, and needs just what its policy allows."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, Route

from app.edge.headers import CONTENT_SECURITY_POLICY
from tests.browser.people import EMAIL
from tests.duet import PASSWORD, Running


def test_authorize_logs_in(duet: Running, page: Page, complaints: list[str]) -> None:
    """Authorize takes address and password, and 'Try it out' then answers who one is."""
    duet.make_user(EMAIL, name="Ada Lovelace")
    page.goto("/api/docs")
    page.locator(".auth-wrapper .btn.authorize").click()
    page.fill("#oauth_username", EMAIL)
    page.fill("#oauth_password", PASSWORD)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.get_by_role("heading", name="Authorized").wait_for()
    page.locator(".auth-btn-wrapper .btn-done").click()
    call = page.locator("#operations-users-read_me_users_me_get")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    answer = call.locator(".live-responses-table .response").first
    answer.wait_for()
    assert answer.locator(".response-col_status").inner_text().startswith("200")
    assert EMAIL in answer.inner_text()
    # All else that it can show: every call and every schema.
    page.evaluate("document.querySelectorAll('main [aria-expanded=false]').forEach(one => one.click())")
    page.locator("#operations-users-delete_me_users_me_delete .opblock-body").wait_for()
    assert complaints == []


def test_the_docs_need_their_looser_policy(duet: Running, page: Page, complaints: list[str]) -> None:
    """Under the policy of the pages Swagger UI misses its icons; that is all that /api/docs adds to it."""
    own = httpx.get(f"{duet.url}/api/docs").headers["Content-Security-Policy"]
    assert own.replace("img-src 'self' data:", "img-src 'self'") == CONTENT_SECURITY_POLICY

    def serve_strictly(route: Route) -> None:
        answer = route.fetch()
        headers = {**answer.headers, "content-security-policy": CONTENT_SECURITY_POLICY}
        route.fulfill(response=answer, headers=headers)

    page.route("**/api/docs", serve_strictly)
    page.goto("/api/docs")
    page.locator("#operations-users-read_me_users_me_get .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").wait_for()
    assert complaints
    assert all("img-src" in text and "data:image" in text for text in complaints), complaints
