"""What a change of SECRET_KEY keeps, and what it ends."""

from __future__ import annotations

from pathlib import Path

from tests.kit.duet import SECRET, ApiClient, Browser, make_settings, running

NEW = "another secret of the tests: qT5xV9bN2mK7"


def carry_on(browser: Browser, cookies: dict[str, str]) -> Browser:
    """The same browser after the server was restarted on another port."""
    for name, value in cookies.items():
        browser.cookies.set(name, value, domain="127.0.0.1", path="/")
    return browser


def test_nobody_notices_a_change_of_secret_until_the_old_one_is_dropped(tmp_path: Path) -> None:
    """While the old secret is a fallback, cookies, open forms and tokens count; without it none of them does."""
    with running(make_settings(tmp_path)) as before, Browser(before.url) as browser, ApiClient(before.url) as api:
        before.make_user()
        browser.log_in()
        api.log_in()
        form = {"csrf_token": browser.csrf_token("/account"), "name": "Ada L."}
        cookies, refresh_token = dict(browser.cookies), api.refresh_token
        bearer = {"Authorization": f"Bearer {api.access_token}"}

    settings = make_settings(tmp_path, secret_key=NEW, secret_key_fallbacks=(SECRET,))
    with running(settings) as between, Browser(between.url) as browser, ApiClient(between.url) as api:
        carry_on(browser, cookies)
        assert browser.get("/").status_code == 200
        assert browser.post("/account", data=form).status_code == 303
        assert browser.get("/account").status_code == 200
        assert between.wait(between.auth.accounts.find("ada@example.com")).name == "Ada L."
        assert api.get("/api/users/me", headers=bearer).status_code == 200
        assert api.refresh(refresh_token).status_code == 200

    settings = make_settings(tmp_path, secret_key=NEW)
    with running(settings) as after, Browser(after.url) as browser, ApiClient(after.url) as api:
        carry_on(browser, cookies)
        assert browser.get("/").status_code == 303
        browser.post("/account", data={**form, "name": "Eve"})
        assert after.wait(after.auth.accounts.find("ada@example.com")).name == "Ada L."
        assert api.get("/api/users/me", headers=bearer).status_code == 401
        assert api.refresh(refresh_token).status_code == 400


def test_the_new_secret_signs_from_the_first_start_on(tmp_path: Path) -> None:
    """A login made while the old secret is a fallback survives its removal, together with the open form."""
    settings = make_settings(tmp_path, secret_key=NEW, secret_key_fallbacks=(SECRET,))
    with running(settings) as between, Browser(between.url) as browser:
        between.make_user()
        browser.log_in()
        form = {"csrf_token": browser.csrf_token("/account"), "name": "Ada L."}
        cookies = dict(browser.cookies)
    with running(make_settings(tmp_path, secret_key=NEW)) as after, Browser(after.url) as browser:
        carry_on(browser, cookies)
        assert browser.post("/account", data=form).status_code == 303
        assert after.wait(after.auth.accounts.find("ada@example.com")).name == "Ada L."
