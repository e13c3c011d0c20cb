"""`GET /session` and the mark on the pages: how a script learns whose page it is, and who is logged in now."""

from __future__ import annotations

import re
from pathlib import Path

import app.web
from tests.kit.cookies import age, give_cookie, session_id_of
from tests.kit.duet import Browser, Running, make_settings, running
from tests.web.conftest import Visit


def mark(text: str) -> str | None:
    """The account that a page says it is drawn for; None if it does not say."""
    found = re.search(r"<html [^>]*data-user=\"([^\"]*)\"", text)
    return found[1] if found else None


def test_it_tells_who_is_signed_in(shared: Running, visit: Visit, email: str) -> None:
    """It tells the id of the account, or null, as JSON that no cache keeps."""
    user = shared.wait(shared.auth.accounts.find(email))
    for browser, expected in ((visit(email), user.id), (visit(), None)):
        answer = browser.get("/session")
        assert (answer.status_code, answer.json()) == (200, {"user": expected})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"


def test_it_leaves_everything_as_it_is(shared: Running, visit: Visit, email: str) -> None:
    """It never sets a cookie, neither for a token that it renewed nor for a session that is over."""
    browser = visit(email)
    age(shared, browser)
    renewed = browser.get("/session")
    assert (renewed.json()["user"] is not None, "Set-Cookie" in renewed.headers) == (True, False)
    assert "Set-Cookie" in browser.get("/").headers  # the next page stores what was renewed
    other, session_id = visit(email), session_id_of(shared, browser)
    other.get("/account/sessions")
    other.submit(f"/account/sessions/{session_id}/end", page="/account/sessions")
    for _ in range(2):
        ended = browser.get("/session")
        assert (ended.json(), "Set-Cookie" in ended.headers) == ({"user": None}, False)
    assert "The session was ended." in browser.get(browser.get("/").headers["Location"]).text


def test_rubbish_is_nobody(visit: Visit) -> None:
    """A cookie that is not ours belongs to nobody."""
    browser = visit()
    give_cookie(browser, "rubbish")
    assert browser.get("/session").json() == {"user": None}


def test_pages_say_whom_they_are_drawn_for(shared: Running, visit: Visit, email: str) -> None:
    """Every page, error pages included, holds the id of the account, or the empty text."""
    user = shared.wait(shared.auth.accounts.find(email))
    for browser, expected, page in ((visit(email), user.id, "/account"), (visit(), "", "/login")):
        assert mark(browser.get(page).text) == mark(browser.get("/nowhere").text) == expected


def test_the_script_is_small() -> None:
    """The script, which every page loads, stays small."""
    assert (Path(app.web.__file__).parent / "static" / "session.js").stat().st_size < 2048


def test_tabs_that_go_to_the_login_at_one_moment(visit: Visit, email: str) -> None:
    """After a logout every tab can log in: the token in their forms was made by the logout, and is the same."""
    browser = visit(email)
    browser.log_out()
    cookie = browser.cookies["session"]
    tokens, cookies = [], []
    for _ in range(2):  # both ask with the cookie of the logout, before either has its answer
        give_cookie(browser, cookie)
        tokens.append(browser.csrf_token("/login"))
        cookies.append(browser.cookies["session"])
    for token in tokens:
        give_cookie(browser, cookies[1])
        answer = browser.post("/login", data={"csrf_token": token, "email": email, "password": "not the password"})
        assert answer.status_code == 401


def test_while_the_store_is_away_nobody_can_tell(tmp_path: Path) -> None:
    """A 503 makes the script leave the page alone, and the error page does not say whose it is either."""
    with running(make_settings(tmp_path)) as duet, Browser(duet.url) as browser:
        duet.make_user()
        browser.log_in()
        age(duet, browser)
        duet.wait(duet.auth.sessions.store.close())
        answer, page = browser.get("/session"), browser.get("/account")
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (503, False)
    assert (page.status_code, mark(page.text), "Log in" in page.text) == (503, None, False)


def test_the_menu_needs_no_store(tmp_path: Path) -> None:
    """A person whose token still counts keeps the menu on the page that says that the store is away."""
    with running(make_settings(tmp_path)) as duet, Browser(duet.url) as browser:
        user = duet.make_user(roles=["admin"])
        browser.log_in()
        browser.get("/")
        duet.wait(duet.auth.sessions.store.close())
        page = browser.get("/admin/users")
    assert (page.status_code, mark(page.text)) == (503, user.id)
    assert ">Admin</a>" in page.text
