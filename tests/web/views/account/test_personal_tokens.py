"""Personal access tokens on the pages: created with a fresh login, shown once, listed, removed."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import httpx
import pytest

from tests.kit.cookies import read_cookie, set_cookies
from tests.kit.duet import Browser, Running, messages
from tests.web.conftest import Visit

PAGE = "/account/tokens"


def make(browser: Browser, name: str = "weekly figures", **fields: str) -> httpx.Response:
    """Fills in the form for a new token."""
    return browser.submit(PAGE, **{"name": name, "expires_in_days": "90", **fields})


def secret_in(answer: httpx.Response) -> str:
    """The token that the answer shows."""
    found = re.findall(r">(duet_pat_[^<]+)</textarea>", answer.text)
    assert len(found) == 1
    return str(found[0])


def call(shared: Running, secret: str, method: str = "GET", **given: object) -> int:
    """What the API answers to a token."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.request(method, f"{shared.url}/api/users/me", headers=headers, **given).status_code  # type: ignore[arg-type]


def test_a_token_is_shown_once_and_works(shared: Running, visit: Visit, email: str) -> None:
    """Only the answer to the form shows the token; no cookie, no cache and no list keeps it."""
    browser = visit(email)
    answer = make(browser)
    assert answer.status_code == 200
    secret = secret_in(answer)
    assert "Copy it now: it is not shown again." in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert all(secret not in header for header in answer.headers.values())
    for cookie in set_cookies(answer).values():
        assert secret not in str(read_cookie(shared, cookie.value))
    page = browser.get(PAGE).text
    assert "weekly figures" in page
    assert secret not in page
    assert call(shared, secret) == 200
    assert call(shared, secret, "PATCH", json={"name": "Ada L."}) == 200


def test_a_read_only_token_only_reads(shared: Running, visit: Visit, email: str) -> None:
    """The tick in the form limits the token, and the list says so."""
    browser = visit(email)
    secret = secret_in(make(browser, read_only="y"))
    assert call(shared, secret) == 200
    assert call(shared, secret, "PATCH", json={"name": "Eve"}) == 403
    assert "Reads only" in browser.get(PAGE).text


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_the_expiry_is_the_one_that_was_chosen(shared: Running, visit: Visit, email: str, days: int) -> None:
    """Each of the four choices is kept to the day."""
    make(visit(email), expires_in_days=str(days))
    user = shared.wait(shared.auth.accounts.find(email))
    [token] = shared.wait(shared.auth.sessions.store.tokens_of(user.id))
    assert (token.expires_at - token.created_at).days == days
    assert abs((datetime.now(UTC) - token.created_at).total_seconds()) < 60


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "Please give the token a name."),
        ({"name": "n" * 101}, "A token has a name of 1 to 100 characters"),
        ({"expires_in_days": "100000"}, "Not a valid choice."),
        ({"expires_in_days": "x"}, "Invalid Choice"),
        ({"expires_in_days": ""}, "Invalid Choice"),
    ],
    ids=str,
)
def test_a_token_that_can_not_be_made(visit: Visit, email: str, fields: dict[str, str], message: str) -> None:
    """The form is shown again with what was typed, and there is no token."""
    browser = visit(email)
    answer = make(browser, **{"name": "mine", **fields})
    assert answer.status_code == 422
    assert message in html.unescape(answer.text)
    assert f'value="{fields.get("name", "mine")}"' in answer.text
    assert "You have no tokens." in browser.get(PAGE).text


def test_a_removed_token_opens_nothing(shared: Running, visit: Visit, email: str) -> None:
    """The token is dead at once; pressing the button a second time says that it is gone."""
    browser = visit(email)
    secret = secret_in(make(browser))
    [action] = re.findall(rf'action="({PAGE}/[^"]+/remove)"', browser.get(PAGE).text)
    assert browser.submit(action, page=PAGE).headers["Location"] == PAGE
    assert messages(browser.get(PAGE).text) == ["The token was removed."]
    assert call(shared, secret) == 401
    browser.submit(action, page=PAGE)
    assert messages(browser.get(PAGE).text) == ["That token was removed already."]


def test_somebody_elses_token_can_not_be_removed(shared: Running, visit: Visit, email: str) -> None:
    """Its id is treated as unknown, and the token goes on working."""
    shared.make_user(f"b-{email}")
    ada, eve = visit(email), visit(f"b-{email}")
    secret = secret_in(make(ada))
    [action] = re.findall(rf'action="({PAGE}/[^"]+/remove)"', ada.get(PAGE).text)
    assert eve.submit(action, page=PAGE).status_code == 303
    assert messages(eve.get(PAGE).text) == ["That token was removed already."]
    assert call(shared, secret) == 200
    assert "weekly figures" not in eve.get(PAGE).text


def test_a_token_is_no_way_into_the_pages(shared: Running, visit: Visit, email: str) -> None:
    """On the pages a personal access token, sent as a bearer token, logs nobody in."""
    secret = secret_in(make(visit(email)))
    answer = httpx.get(f"{shared.url}/account", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 303
