"""A change of SECRET_KEY: nobody is logged out and no open form is lost while the old one is a fallback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.duet import PASSWORD, SECRET, Browser, make_settings, messages, running
from tests.web.cookies import give_cookie

NEW = "the next secret of the tests: 7Jd2kLq9vB"


@contextlib.contextmanager
def browsing(folder: Path, cookie: str | None = None, **given: str) -> Iterator[Browser]:
    """Somebody on the same site after a restart with other settings, with the cookie of before."""
    with running(make_settings(folder, **given)) as duet, Browser(duet.url, verify=False) as browser:
        if cookie is None:
            duet.make_user()
            assert browser.log_in().status_code == 303
        else:
            give_cookie(browser, cookie)
        yield browser


def test_a_new_key_logs_nobody_out(tmp_path: Path) -> None:
    """The cookie goes on, an open form still posts, and what is written then is signed by the new key."""
    with browsing(tmp_path) as browser:
        token = browser.csrf_token("/account")
        cookie = browser.cookies["session"]
    with browsing(tmp_path, cookie, secret_key=NEW, secret_key_fallbacks=SECRET) as browser:
        assert browser.post("/account", data={"csrf_token": token, "name": "Ada L."}).status_code == 303
        page = browser.get("/account")
        assert 'value="Ada L."' in page.text
        assert messages(page.text) == ["Your name was saved."]
        newer = browser.cookies["session"]
        assert newer != cookie
    with browsing(tmp_path, cookie, secret_key=NEW) as browser:
        answer = browser.get("/account")
        assert answer.status_code == 303
        (message,) = messages(browser.get(answer.headers["Location"]).text)
        assert message == "Session expired or invalid. Please log in again."


def test_a_dropped_key_ends_what_it_signed(tmp_path: Path) -> None:
    """Without the fallback neither an old cookie nor an old form counts, and a new login does."""
    with browsing(tmp_path) as browser:
        token = browser.csrf_token("/account")
        cookie = browser.cookies["session"]
    with browsing(tmp_path, cookie, secret_key=NEW) as browser:
        assert browser.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code in (303, 400)
        form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
        assert browser.post("/login", data=form).status_code == 400
        assert browser.log_in().status_code == 303
        assert 'value="Ada"' in browser.get("/account").text
