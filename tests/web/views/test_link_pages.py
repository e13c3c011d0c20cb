"""The pages behind one-time links: viewing one uses nothing up, and the link is neither stored nor passed on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.kit.duet import PASSWORD, Browser, Running, make_settings, running
from tests.kit.naughty import Sender, form, naughty_strings, quiet
from tests.web.views.links import invitation, mailed, path_of

PAGES = ("verify-email", "change-email", "reset-password", "invite", "setup")
NEW = "staple horse correct"
FIELDS = {
    "verify-email": {},
    "change-email": {},
    "reset-password": {"new_password": NEW},
    "invite": {"email": "new@example.com", "password": NEW, "name": ""},
    "setup": {"email": "boss@example.com", "password": NEW, "name": ""},
}


@pytest.fixture(params=PAGES)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of link."""
    name: str = request.param
    return name


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Running]:
    """An empty Duet for this test alone."""
    with running(make_settings(tmp_path)) as one:
        yield one


@pytest.fixture
def duet(request: pytest.FixtureRequest, kind: str, shared: Running) -> Running:
    """The module's Duet, or an empty one for the setup link, which is for nobody else."""
    one: Running = request.getfixturevalue("alone") if kind == "setup" else shared
    return one


@pytest.fixture
def path(request: pytest.FixtureRequest, duet: Running, kind: str) -> str:
    """An unused link of that kind, for this test's own account if it is for an account."""
    if kind == "setup":
        return path_of(duet.wait(duet.auth.registration.setup_url()))
    if kind == "invite":
        return invitation(duet)
    email: str = request.getfixturevalue("email")
    with Browser(duet.url, verify=False) as browser:
        if kind == "verify-email":
            browser.submit("/resend-verification", email=email)
        elif kind == "reset-password":
            browser.submit("/forgot-password", email=email)
        else:
            browser.log_in(email)
            browser.submit("/account/email", email=f"new-{email}", password=PASSWORD)
            return mailed(duet, "verify-email", to=f"new-{email}")
    return mailed(duet, kind, to=email)


def test_looking_at_it_uses_nothing(browser: Browser, path: str, kind: str) -> None:
    """A mail scanner may GET or HEAD it as often as it likes, and a form without its token uses nothing either."""
    for _ in range(2):
        assert browser.get(path).status_code == 200
        assert browser.head(path).status_code == 200
    assert browser.post(path, data=FIELDS[kind]).status_code == 400
    assert browser.submit(path, **FIELDS[kind]).status_code == 303
    assert browser.get(path).status_code == 400


def test_it_is_neither_kept_nor_passed_on(browser: Browser, path: str, kind: str) -> None:
    """No cache keeps the page, no other site is told its address, and no link on it leads away."""
    answer = browser.get(path)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    links = [part.split('"')[0] for part in answer.text.split(' href="')[1:]]
    links += [part.split('"')[0] for part in answer.text.split(' src="')[1:]]
    assert links
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links)


def test_a_link_of_one_kind_opens_no_other(browser: Browser, path: str, kind: str) -> None:
    """Its token on another page is a 400, and that page does not repeat it."""
    token = path.rpartition("/")[2]
    own = "verify-email" if kind == "change-email" else kind
    for page in ("verify-email", "reset-password", "invite", "setup"):
        if page == own:
            continue
        answer = browser.get(f"/{page}/{token}")
        assert answer.status_code == 400
        assert token not in answer.text


def test_a_changed_token_counts_for_nothing(browser: Browser, path: str, kind: str) -> None:
    """A token does not count with a letter changed in any part of it, with more after it, or with less."""
    start, _, token = path.rpartition("/")
    flipped = ["A" if char != "A" else "B" for char in (token[0], token[-2])]
    for wrong in (flipped[0] + token[1:], token[:-2] + flipped[1] + token[-1], token + "A", token[:-1], token * 2):
        assert browser.get(f"{start}/{wrong}").status_code == 400, wrong
    assert browser.get(path).status_code == 200


def test_no_token_breaks_a_page(alone: Running) -> None:
    """Anything in the token's place, on different pages by turns, is a 400 or no page at all, by GET or POST."""
    with quiet(), Browser(alone.url, verify=False) as browser, contextlib.closing(Sender(alone.url)) as sender:
        body = form(csrf_token=browser.csrf_token(), new_password=NEW)
        cookie = {"Cookie": f"session={browser.cookies['session']}"}
        sent = {**cookie, "Content-Type": "application/x-www-form-urlencoded"}
        pages = ("verify-email", "reset-password", "invite", "setup")
        for number, text in enumerate(naughty_strings()):
            part = quote(text, safe="", errors="surrogatepass")
            for page in pages[number % 2 :: 2]:
                answer = sender.send("GET", f"/{page}/{part}", b"", cookie)
                assert answer.status in (400, 404, 414), (page, text)
            answer = sender.send("POST", f"/reset-password/{part}", body, sent)
            assert answer.status in (400, 404, 405, 414), text
