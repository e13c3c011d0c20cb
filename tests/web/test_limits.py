"""Limits on the pages: a person who must wait is told so, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.auth.limits.throttle import GUESSES, MAILS
from tests.kit.duet import PASSWORD, Running, make_settings, running
from tests.web.conftest import Visit

WRONG = "not-the-password-5Qx"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with limits."""
    with running(make_settings(tmp_path_factory.mktemp("duet"), rate_limits=True)) as one:
        yield one


def says_to_wait(answer: httpx.Response) -> bool:
    """Whether it is a 429 that tells both machines and people how long to wait."""
    assert answer.status_code == 429
    seconds = int(answer.headers["Retry-After"])
    assert 0 < seconds <= 15 * 60
    assert "There were too many tries. Please wait " in answer.text
    return True


def test_the_login_says_how_long_to_wait(visit: Visit, email: str) -> None:
    """The form keeps the email address, not the password; the right password does not help a stranger."""
    browser = visit()
    for _ in range(GUESSES.free):
        assert browser.log_in(email, WRONG).status_code == 401
    for password in (WRONG, PASSWORD):
        answer = browser.log_in(email, password)
        assert says_to_wait(answer)
        assert "<title>Error: " in answer.text
        assert f'value="{email}"' in answer.text
        assert password not in answer.text


def test_an_account_that_is_not_there_is_limited_alike(visit: Visit, email: str) -> None:
    """Limits tell nobody who has an account (security.md, item 23)."""
    browser = visit()
    answers = [browser.log_in(f"nobody-{email}", WRONG).status_code for _ in range(GUESSES.free + 1)]
    assert answers == [401] * GUESSES.free + [429]


def test_the_owner_s_browser_gets_past_a_stranger_s_lock(visit: Visit, email: str) -> None:
    """The owner's device cookie lets them log in while a stranger goes on guessing (security.md, item 26)."""
    owner, stranger = visit(email), visit()
    owner.log_out()
    while stranger.log_in(email, WRONG).status_code != 429:
        pass
    assert visit().log_in(email).status_code == 429
    assert owner.log_in(email).status_code == 303


@pytest.mark.parametrize("path", ["/reauthenticate", "/account/delete", "/account/password", "/account/email"])
def test_a_thief_of_a_session_does_not_guess_the_password(visit: Visit, email: str, path: str) -> None:
    """Where a signed-in person confirms with the password, the form is limited as well."""
    browser = visit(email)
    fields = {
        "/account/password": {"current_password": WRONG, "new_password": PASSWORD + " 2"},
        "/account/email": {"email": "new@example.com", "password": WRONG},
    }.get(path, {"password": WRONG})
    for _ in range(GUESSES.free):  # the account's; the session's own would go on after that of a stranger's
        assert browser.submit(path, **fields).status_code == 422
    assert says_to_wait(browser.submit(path, **fields))


@pytest.mark.parametrize("path", ["/forgot-password", "/resend-verification"])
def test_nobody_is_flooded_with_mails(visit: Visit, email: str, path: str) -> None:
    """After a few the form says to wait, whether or not somebody has the address."""
    for address in (email, f"nobody-{email}"):
        browser = visit()
        for _ in range(MAILS.free):
            assert browser.submit(path, email=address).status_code == 303
        answer = browser.submit(path, email=address)
        assert says_to_wait(answer)
        assert f'value="{address}"' in answer.text


def test_the_button_on_the_profile_is_limited(visit: Visit, email: str) -> None:
    """The button has no form to show again, so the error page says when to come back."""
    browser = visit(email)
    for _ in range(MAILS.free):
        assert browser.submit("/account/resend-verification", page="/account").status_code == 303
    answer = browser.submit("/account/resend-verification", page="/account")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Try again in " in answer.text
