"""One's own account on the pages: its menu, its password and its deletion."""

from __future__ import annotations

from pathlib import Path

from tests.kit.cookies import read_cookie
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, messages, running
from tests.web.conftest import Visit

PAGES = ("", "/email", "/password", "/sessions", "/tokens", "/activity", "/data")


def test_every_page_is_in_the_menu(visit: Visit, email: str) -> None:
    """Each of the account's pages links to all the others, and marks which one it is."""
    browser = visit(email)
    for page in PAGES:
        text = browser.get(f"/account{page}").text
        menu = text.split('aria-label="Account"')[1].split("</nav>")[0]
        assert all(f'href="/account{other}"' in menu for other in PAGES)
        assert f'href="/account{page}" aria-current="page"' in menu
        assert menu.count("aria-current") == 1
        assert 'href="/account" aria-current="page"' in text.split('aria-label="Main"')[1].split("</nav>")[0]


def test_a_new_password_ends_the_other_sessions(visit: Visit, email: str) -> None:
    """This session stays logged in, and the old password no longer counts."""
    browser, other = visit(email), visit(email)
    new = PASSWORD + " 2"
    answer = browser.submit("/account/password", current_password=PASSWORD, new_password=new)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert visit().log_in(email).status_code == 401
    assert visit().log_in(email, new).status_code == 303


def test_a_deleted_account_is_gone(shared: Running, visit: Visit, email: str) -> None:
    """The page lists what will be deleted; afterwards nobody is logged in, and the password opens nothing."""
    browser, other = visit(email), visit(email)
    page = browser.get("/account/delete").text
    for part in ("be undone", email, "every session", "personal access tokens", 'href="/account/data"'):
        assert part in page
    answer = browser.submit("/account/delete", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "access_token" not in read_cookie(shared, browser.cookies["session"])
    assert messages(browser.get("/login").text) == ["Your account was deleted."]
    assert other.get("/account").status_code == 303
    assert visit().log_in(email).status_code == 401


def test_the_last_admin_can_not_go(tmp_path: Path) -> None:
    """It is a 409 with the reason on the form, and the account still exists."""
    with running(make_settings(tmp_path)) as duet, Browser(duet.url, verify=False) as browser:
        duet.make_user(roles=["admin"])
        browser.log_in()
        answer = browser.submit("/account/delete", password=PASSWORD)
        assert answer.status_code == 409
        assert "This is the last active admin. Make somebody else an admin first." in answer.text
        assert "That is not possible now" in answer.text
        assert browser.get("/account").status_code == 200
