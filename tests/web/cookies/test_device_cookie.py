"""The device cookie: only a login writes it, it is marked and bounded, and a planted one is not adopted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.auth.limits import keys_of, known_browser
from app.auth.models import Client
from tests.kit.cookies import set_cookies
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, running
from tests.web.conftest import Visit

NAME = "duet_device"
PLANTED = ["A" * 22, "-_" * 11]


def give(browser: Browser, value: str) -> None:
    """Puts a device cookie into a browser."""
    browser.cookies.set(NAME, value, "127.0.0.1", "/")


def ids(browser: Browser) -> list[str]:
    """The ids in a browser's device cookie."""
    return browser.cookies[NAME].split(".")


def test_a_login_marks_the_browser(visit: Visit, email: str) -> None:
    """The device cookie is HttpOnly and SameSite=Lax, for the whole site and no other host, for 400 days."""
    cookie = set_cookies(visit().log_in(email))[NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["secure"], cookie["domain"], cookie["max-age"]) == ("", "", str(400 * 24 * 3600))
    assert len(cookie.value) == 22


@pytest.fixture
def https(tmp_path: Path) -> Iterator[Browser]:
    """Somebody on a site whose public address is https."""
    with (
        running(make_settings(tmp_path, public_url="https://duet.example")) as duet,
        Browser(duet.url, verify=False) as browser,
    ):
        duet.make_user()
        yield browser


def test_over_https_it_is_host_bound_and_secure(https: Browser) -> None:
    """With `__Host-` and Secure no other host and no page without TLS can set it; the plain name is ignored."""

    def log_in(devices: str = "") -> httpx.Response:
        page = https.get("/login", headers={"Cookie": ""})
        token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        session = set_cookies(page)["__Host-session"].value
        form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
        return https.post("/login", data=form, headers={"Cookie": f"__Host-session={session}; {devices or 'a=b'}"})

    cookie = set_cookies(log_in())["__Host-duet_device"]
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
    again = set_cookies(log_in(f"__Host-duet_device={cookie.value}"))["__Host-duet_device"]
    assert again.value == cookie.value
    plain = set_cookies(log_in(f"duet_device={cookie.value}"))["__Host-duet_device"]
    assert cookie.value not in plain.value


def test_a_known_browser_keeps_its_id(visit: Visit, email: str) -> None:
    """The id survives a logout, and the next login keeps it."""
    browser = visit(email)
    [known] = ids(browser)
    assert NAME not in set_cookies(browser.log_out())
    assert ids(browser) == [known]
    browser.log_in(email)
    assert ids(browser) == [known]


def test_no_other_page_writes_it(visit: Visit, email: str) -> None:
    """A failed login, a page, a renewed password and a logout do not write it."""
    browser = visit()
    assert NAME not in set_cookies(browser.log_in(email, "wrong"))
    browser.log_in(email)
    for answer in (
        browser.get("/login"),
        browser.get("/account"),
        browser.submit("/account", name="Ada"),
        browser.submit("/reauthenticate", password=PASSWORD),
        browser.log_out(),
    ):
        assert NAME not in set_cookies(answer)


def test_a_planted_id_is_not_adopted(shared: Running, visit: Visit, email: str) -> None:
    """An attacker who planted an id in a person's browser has no known device of theirs afterwards."""
    browser = visit()
    give(browser, PLANTED[0])
    browser.log_in(email)
    assert len(ids(browser)) == 2
    assert ids(browser)[1] == PLANTED[0]
    user = shared.wait(shared.auth.accounts.find(email))
    for known, id_ in ((True, ids(browser)[0]), (False, PLANTED[0])):
        client = Client("web", devices=(id_,))
        store = shared.auth.accounts.store
        found = shared.wait(store.user_to_log_in(user.email_key, devices=keys_of(client)))
        assert (known_browser(client, found) is not None) == known


def test_a_browser_of_many_people_keeps_the_last_five(shared: Running, visit: Visit, email: str) -> None:
    """The newest id comes first, and the oldest is dropped."""
    browser, seen = visit(), list[str]()
    for number in range(6):
        address = f"shared{number}-{email}"
        shared.make_user(address)
        browser.log_in(address)
        seen.insert(0, ids(browser)[0])
        browser.log_out()
    assert len(set(seen)) == 6
    assert ids(browser) == seen[:5]


@pytest.mark.parametrize(
    "value",
    [
        "rubbish",
        "A" * 21,
        "A" * 23,
        "A" * 21 + "=",
        "A" * 21 + "\u0661",
        f"{PLANTED[0]}.",
        f".{PLANTED[0]}",
        f"{PLANTED[0]}..{PLANTED[1]}",
        f"{PLANTED[0]},{PLANTED[1]}",
        ".".join("ABCDEF"[n] * 22 for n in range(6)),
        "x" * 3000,
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_garbage_is_ignored(visit: Visit, email: str, value: str) -> None:
    """A cookie that does not have the form of our ids does not hinder the login, which replaces it."""
    browser = visit()
    token = browser.csrf_token()
    cookie = f"session={browser.cookies['session']}; {NAME}={value}".encode()
    form = {"csrf_token": token, "email": email, "password": PASSWORD}
    answer = browser.post("/login", data=form, headers=[(b"Cookie", cookie)])
    assert answer.status_code == 303
    assert len(set_cookies(answer)[NAME].value) == 22
