"""A failed login does not reveal which accounts exist."""

from __future__ import annotations

import re

import httpx
import pytest

from app.auth.models import Client
from tests.api.answers import plain
from tests.kit.duet import PASSWORD, Browser, Running

VARYING = {"date", "x-request-id"}
CALLERS = {
    "unknown": ("nobody@example.com", PASSWORD),
    "wrong password": ("ada@example.com", "not the password at all"),
    "disabled": ("off@example.com", PASSWORD),
    "disabled, wrong password": ("off@example.com", "not the password at all"),
    "no address": ("nobody", PASSWORD),
    "too long": ("ada@example.com", "x" * 1025),
    "nobody, too long": ("nobody@example.com", "x" * 1025),
    "surrogate's bytes": ("ada@example.com", "\ufffd\ufffd"),
}


@pytest.fixture
def populated(duet: Running) -> Running:
    """A Duet with an active account and a disabled one."""
    duet.make_user()
    off = duet.make_user("off@example.com")
    duet.wait(duet.auth.administration.set_active(off.id, False, Client("test")))
    return duet


def fixed(answer: httpx.Response) -> dict[str, str]:
    """The headers that may not differ."""
    return {name: value for name, value in answer.headers.items() if name not in VARYING}


def test_the_api_answers_alike(populated: Running) -> None:
    """Status, body and headers are the same for every reason (item 23)."""
    answers = {}
    for why, (email, password) in CALLERS.items():
        form = {"grant_type": "password", "username": email, "password": password}
        answers[why] = plain.post(f"{populated.url}/api/auth/token", data=form)
    first = answers["unknown"]
    assert (first.status_code, first.json()["error"]) == (400, "invalid_grant")
    for why, answer in answers.items():
        assert (answer.status_code, answer.text, fixed(answer)) == (first.status_code, first.text, fixed(first)), (
            why
        )


def test_the_page_answers_alike(populated: Running) -> None:
    """Apart from the CSRF token and the repeated email address, every reason gets the same page."""
    pages = {}
    for why, (email, password) in CALLERS.items():
        with Browser(populated.url, verify=False) as browser:
            answer = browser.log_in(email, password)
        text = re.sub(r'value="[^"]*"', "", answer.text).replace(email, "")
        text = re.sub(r"\b[0-9a-f]{16}\b", "", text)
        headers = fixed(answer)
        cookie = re.sub(r"session=[^;]*|[Ee]xpires=[^;]*", "", headers.pop("set-cookie", ""))
        headers.pop("content-length")
        pages[why] = (answer.status_code, text, headers, cookie)
        assert password not in answer.text
    assert pages["unknown"][0] == 401
    for why, page in pages.items():
        assert page == pages["unknown"], why
