"""Swagger UI in Chromium: it logs in, makes calls, and needs exactly what its policy allows."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, Route

from app.auth.models import API_CLIENT, Client
from app.edge.headers import CONTENT_SECURITY_POLICY
from tests.browser.people import EMAIL
from tests.kit.duet import PASSWORD, Running


def test_authorize_logs_in(duet: Running, page: Page, complaints: list[str]) -> None:
    """Authorize takes email address and password, and 'Try it out' then shows who is logged in."""
    duet.make_user(EMAIL, name="Ada Lovelace")
    page.goto("/api/docs")
    page.locator(".auth-wrapper .btn.authorize").click()
    page.fill("#oauth_username", EMAIL)
    page.fill("#oauth_password", PASSWORD)
    login = page.locator(".auth-container", has=page.locator("#oauth_username"))
    login.locator(".auth-btn-wrapper .authorize").click()
    page.get_by_role("heading", name="Authorized").wait_for()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    assert EMAIL in _ask_who_one_is(page)
    # Of everything else, only one call of each tag is opened: to open them all takes Chromium minutes.
    subjects = page.locator(".opblock-tag-section")
    for number in range(subjects.count()):
        one = subjects.nth(number).locator(".opblock").last
        one.locator(".opblock-summary-control").click()
        one.locator(".opblock-body").wait_for()
    assert subjects.count() > 4
    assert complaints == []


def _ask_who_one_is(page: Page) -> str:
    """Presses the buttons of `GET /users/me`, and returns the answer."""
    call = page.locator("#operations-users-read_me_users_me_get")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    answer = call.locator(".live-responses-table .response").first
    answer.wait_for()
    assert answer.locator(".response-col_status").inner_text().startswith("200")
    return answer.inner_text()


def test_authorize_takes_a_token(duet: Running, page: Page, complaints: list[str]) -> None:
    """A pasted personal access token is sent with the calls, without any login."""
    user = duet.make_user(EMAIL, name="Ada Lovelace")
    pair = duet.wait(duet.auth.sessions.log_in(EMAIL, PASSWORD, Client(API_CLIENT)))
    _, token = duet.wait(duet.auth.personal_tokens.create(pair.principal, "docs", Client(API_CLIENT)))
    page.goto("/api/docs")
    page.locator(".auth-wrapper .btn.authorize").click()
    pasted = page.locator(".auth-container", has=page.locator("#auth-bearer-value"))
    pasted.locator("#auth-bearer-value").fill(token)
    pasted.locator(".auth-btn-wrapper .authorize").click()
    page.get_by_role("heading", name="Authorized").wait_for()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    assert user.id in _ask_who_one_is(page)
    assert complaints == []


def test_the_docs_need_their_looser_policy(duet: Running, page: Page, complaints: list[str]) -> None:
    """Under the policy of the pages Swagger UI lacks its icons, and /api/docs allows nothing more than those."""
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
