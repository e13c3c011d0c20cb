"""Naughty strings in every field of the pages' forms are refused or accepted: no server error, and no markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

import pytest

from tests.kit.duet import PASSWORD, Browser, make_settings, running
from tests.kit.naughty import Answer, Sender, form, naughty_strings, quiet

Form = tuple[str, dict[str, str]]

FIELDS: dict[str, Callable[[str], list[Form]]] = {
    "login": lambda text: [("/login", {"email": text, "password": text, "next": text})],
    "registration": lambda text: [
        ("/register", {"email": text, "password": text, "name": text}),
        ("/register", {"email": "ada@example.com", "password": PASSWORD + text, "name": text}),
    ],
    "profile": lambda text: [("/account", {"name": text})],
    "password": lambda text: [("/account/password", {"current_password": text, "new_password": PASSWORD + text})],
    "address": lambda text: [
        ("/account/email", {"email": text, "password": PASSWORD}),
        ("/forgot-password", {"email": text}),
        ("/resend-verification", {"email": text}),
    ],
    "token": lambda text: [
        ("/account/tokens", {"name": text, "expires_in_days": text, "read_only": text}),
        ("/account/tokens", {"name": "", "expires_in_days": "90", "read_only": text}),
    ],
    "confirmation": lambda text: [
        ("/account/delete", {"password": text}),
        ("/reauthenticate", {"password": "", "next": text}),
    ],
    "addresses": lambda text: [
        (f"/account/sessions/{quote(text, safe='', errors='surrogatepass')}/end", {}),
        (f"/account/tokens/{quote(text, safe='', errors='surrogatepass')}/remove", {}),
        (f"/{quote(text, safe='', errors='surrogatepass')}", {}),
    ],
}


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Visitor(NamedTuple):
    """Somebody who is logged in, with the CSRF token of their forms."""

    browser: Browser
    sender: Sender
    csrf_token: str

    def post(self, path: str, **fields: str) -> Answer:
        """Sends a form, and forgets any cookie that the answer sets."""
        cookie = f"session={self.browser.cookies['session']}"
        return self.sender.send("POST", path, form(**fields), {**FORM, "Cookie": cookie})


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Somebody who is logged in and types a lot."""
    with quiet(), running(make_settings(tmp_path_factory.mktemp("duet"))) as duet:
        duet.make_user()
        with Browser(duet.url, verify=False) as browser:
            assert browser.log_in().status_code == 303
            sender = Sender(duet.url)
            yield Visitor(browser, sender, browser.csrf_token("/account"))
            sender.close()


@pytest.mark.parametrize(("turn", "field"), list(enumerate(FIELDS)))
def test_no_field_breaks_a_page(visitor: Visitor, turn: int, field: str) -> None:
    """Each of 700 strings, with a CSRF token and in every form and field by turns, yields a page or a redirect."""
    for number, text in enumerate(naughty_strings(turn=turn)):
        requests = FIELDS[field](text)
        for path, fields in requests[number % 2 :: 2] or requests:
            answer = visitor.post(path, csrf_token=visitor.csrf_token, **fields)
            assert answer.status < 500, (text, path)
            location = answer.headers.get("Location", "/")
            assert location.startswith("/"), (text, path)
            assert not location.startswith("//"), (text, path)
            assert "\\" not in location, (text, path)
            # What was typed stands on the page as text, and no tag in it survives.
            assert not ("<" in text and ">" in text and text in answer.text), (text, path)
    assert visitor.browser.get("/account").status_code == 200


def test_a_saved_name_is_shown_as_text(visitor: Visitor) -> None:
    """A name that was accepted stands escaped on every page of its owner."""
    taken = 0
    for text in naughty_strings():
        if "<" not in text or ">" not in text:
            continue
        if visitor.post("/account", csrf_token=visitor.csrf_token, name=text).status == 303:
            page = visitor.browser.get("/").text
            assert text.strip() not in page
            taken += 1
    assert taken > 20


def test_no_csrf_token_breaks_a_page(visitor: Visitor) -> None:
    """Any CSRF token but the right one is a 400, and does nothing."""
    for text in naughty_strings():
        assert visitor.post("/account", csrf_token=text, name="Eve Evil").status == 400, text
    assert "Eve Evil" not in visitor.browser.get("/account").text


def test_no_cookie_breaks_a_page(visitor: Visitor) -> None:
    """A naughty string as the session cookie leads to the login."""
    for text in naughty_strings():
        value = "".join(char for char in text if char.isprintable())[:500].encode("utf-8", "ignore")
        answer = visitor.sender.send("GET", "/account", b"", {"Cookie": b"session=" + value})
        assert answer.status in (303, 400), text
