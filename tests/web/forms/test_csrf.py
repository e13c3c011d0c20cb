"""No page of another site makes a person's browser act here (security.md, items 17 and 20)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.duet import PASSWORD, Browser, Running, make_settings, running
from tests.web.conftest import Visit

POSTS = {
    "/account": {"name": "Eve"},
    "/account/password": {"current_password": PASSWORD, "new_password": PASSWORD + " 2"},
    "/account/email": {"email": "new@example.com", "password": PASSWORD},
    "/account/delete": {"password": PASSWORD},
    "/account/data": {},
    "/account/resend-verification": {},
    "/account/tokens": {"name": "eve", "expires_in_days": "90"},
    "/account/tokens/some-id/remove": {},
    "/account/sessions/end-others": {},
    "/account/sessions/some-id/end": {},
    "/reauthenticate": {"password": PASSWORD},
    "/logout": {},
}
OPEN_POSTS = {
    "/login": {"email": "ada@example.com", "password": PASSWORD},
    "/register": {"email": "new@example.com", "password": PASSWORD, "name": ""},
    "/forgot-password": {"email": "ada@example.com"},
    "/resend-verification": {"email": "ada@example.com"},
    "/reset-password/made.up": {"new_password": PASSWORD},
    "/verify-email/made.up": {},
    "/invite/made.up": {"email": "new@example.com", "password": PASSWORD, "name": ""},
    "/setup/made.up": {"email": "new@example.com", "password": PASSWORD, "name": ""},
    "/logout": {},
}


def is_unchanged(browser: Browser) -> bool:
    """Whether a person's account is as it was."""
    page = browser.get("/account")
    return page.status_code == 200 and 'value="Ada"' in page.text


@pytest.mark.parametrize("path", POSTS)
def test_every_form_needs_a_token(visit: Visit, email: str, path: str) -> None:
    """A form without a token, with an empty one, or with rubbish is a 400, and nothing happens."""
    browser = visit(email)
    for extra in ({}, {"csrf_token": ""}, {"csrf_token": "rubbish"}):
        answer = browser.post(path, data={**POSTS[path], **extra})
        assert answer.status_code == 400, extra
        assert "This form is out of date" in answer.text
    assert is_unchanged(browser)


@pytest.mark.parametrize("path", OPEN_POSTS)
def test_forms_of_strangers_need_a_token_too(visit: Visit, path: str) -> None:
    """The login form has a token too, so another site's form logs nobody in as somebody else (login CSRF)."""
    answer = visit().post(path, data=OPEN_POSTS[path])
    assert answer.status_code == 400
    assert "This form is out of date" in answer.text


def test_one_person_s_token_fails_for_another(visit: Visit, email: str, shared: Running) -> None:
    """A token is bound to the session whose form it was in, before the login and after it."""
    shared.make_user(f"b-{email}")
    ada, eve = visit(email), visit(f"b-{email}")
    token = eve.csrf_token("/account")
    assert ada.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code == 400
    assert is_unchanged(ada)
    assert eve.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code == 303
    stranger, victim = visit(), visit()
    form = {"csrf_token": stranger.csrf_token(), "email": email, "password": PASSWORD}
    victim.csrf_token()
    assert victim.post("/login", data=form).status_code == 400


def test_a_token_in_the_query_counts_for_nothing(visit: Visit, email: str) -> None:
    """The token is read from the form alone, because addresses end up in logs."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    assert browser.post(f"/account?csrf_token={token}", data={"name": "Eve"}).status_code == 400
    assert is_unchanged(browser)


def test_a_get_has_no_effect(visit: Visit, email: str) -> None:
    """Logging out and ending sessions are POSTs, and forms that are sent by GET change nothing."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    buttons = ("/logout", *(path for path in POSTS if path.endswith(("/end", "/end-others", "/remove"))))
    for path in (*buttons, "/account/resend-verification"):
        answer = browser.get(path, params={"csrf_token": token})
        assert (answer.status_code, answer.headers["Allow"]) in ((405, "OPTIONS, POST"), (405, "POST, OPTIONS"))
    for path, fields in POSTS.items():
        for method in ("GET", "HEAD"):
            browser.request(method, path, params={"csrf_token": token, **fields})
    assert is_unchanged(browser)


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_s_form_is_refused(visit: Visit, email: str, headers: dict[str, str]) -> None:
    """A foreign Origin, `null`, or Fetch Metadata that says so is a 403 even with the right token."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    answer = browser.post("/account", data={"csrf_token": token, "name": "Eve"}, headers=headers)
    assert answer.status_code == 403
    assert "This request came from another site." in answer.text
    assert is_unchanged(browser)
    login = visit()
    form = {"csrf_token": login.csrf_token(), "email": email, "password": PASSWORD}
    assert login.post("/login", data=form, headers=headers).status_code == 403


def test_one_s_own_forms_are_taken(shared: Running, visit: Visit, email: str) -> None:
    """A form counts from the site's own origin, by the requested Host or by PUBLIC_URL, and without an Origin."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    for headers in (
        {},
        {"Origin": shared.url},
        {"Origin": "http://127.0.0.1:8000"},  # PUBLIC_URL
        {"Origin": shared.url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "localhost:1234", "Origin": "http://localhost:1234"},
    ):
        answer = browser.post("/account", data={"csrf_token": token, "name": "Ada"}, headers=headers)
        assert answer.status_code == 303, headers


def test_an_origin_is_not_believed_because_of_a_forwarded_host(visit: Visit, email: str) -> None:
    """A stranger's X-Forwarded-Host does not make a foreign form one of this site."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    headers = {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"}
    answer = browser.post("/account", data={"csrf_token": token, "name": "Eve"}, headers=headers)
    assert answer.status_code == 403


@pytest.fixture
def behind_https(tmp_path: Path) -> Iterator[Browser]:
    """Somebody on a site that is reached over https, through a proxy that ends TLS."""
    settings = make_settings(tmp_path, public_url="https://duet.example", trusted_proxies="127.0.0.1")
    with running(settings) as duet:
        duet.make_user()
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "duet.example", "Cookie": ""}
        with Browser(duet.url, verify=False, headers=headers) as one:
            yield one


def test_behind_a_proxy_the_public_origin_counts(behind_https: Browser) -> None:
    """The site's https origin counts as its own; the same host over http does not."""
    page = behind_https.get("/login")
    token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    cookie = page.headers["Set-Cookie"].split(";")[0]
    form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
    for origin, status in (("http://duet.example", 403), ("https://duet.example", 303)):
        answer = behind_https.post("/login", data=form, headers={"Origin": origin, "Cookie": cookie})
        assert answer.status_code == status, origin
