"""Limits over the API: one counter for each account, shared with the pages, whatever headers a request has."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.auth.limits.throttle import GUESSES, MAILS
from tests.api.answers import oauth_error, plain, problem
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running

WRONG = "not the password at all"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with limits, whose limit for this machine as a whole is high enough for all of these tests."""
    with running(make_settings(tmp_path_factory.mktemp("duet"), rate_limits=True)) as one:
        yield one


def somebody(duet: Running) -> str:
    """The email address of a new account."""
    return duet.make_user(f"guessed{next(_numbers)}@example.com").email


def guess(
    duet: Running, email: str, password: str = WRONG, *, path: str = "/api/auth/token", **headers: str
) -> httpx.Response:
    """Tries to log in."""
    form = {"grant_type": "password", "username": email, "password": password}
    return plain.post(duet.url + path, data=form, headers=headers)


def must_wait(answer: httpx.Response) -> bool:
    """Whether it is the 429 of `/api/auth`, which says how long to wait."""
    body = oauth_error(answer, "slow_down", 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert "Please wait" in body["error_description"]
    return True


def test_five_on_each_half_are_ten(limited: Running) -> None:
    """The page and the API count together, in any spelling of email address and path (items 25, 27)."""
    email = somebody(limited)
    with Browser(limited.url, verify=False) as browser:
        for spelling in (email, email.upper(), f" {email}", email, email):
            assert browser.log_in(spelling, WRONG).status_code == 401
        for path in (
            "/api/auth/token",
            "/api//auth/token",
            "//api/auth//token",
            "/api/auth/token",
            "/api/auth/token",
        ):
            oauth_error(guess(limited, email.upper(), path=path), "invalid_grant")
        assert browser.log_in(email, WRONG).status_code == 429
    assert must_wait(guess(limited, email))
    assert must_wait(guess(limited, email, PASSWORD, path="/api//auth/token"))


def test_a_header_gives_no_new_tries(limited: Running) -> None:
    """Nobody but a trusted proxy is believed in X-Forwarded-For and similar headers (item 27)."""
    email = somebody(limited)
    for number in range(GUESSES.free):
        lies = {
            "X-Forwarded-For": f"203.0.113.{number}",
            "Forwarded": f"for=203.0.113.{number}",
            "User-Agent": str(number),
        }
        oauth_error(guess(limited, email, **lies), "invalid_grant")
    assert must_wait(guess(limited, email, **{"X-Forwarded-For": "203.0.113.99", "X-Real-IP": "203.0.113.99"}))


def test_an_account_that_is_not_there_is_limited_alike(limited: Running) -> None:
    """The answers are the same to the byte, except for the seconds (item 23)."""
    answers = {}
    for email in (somebody(limited), "nobody@example.com"):
        found = [guess(limited, email) for _ in range(GUESSES.free + 1)]
        answers[email] = [(one.status_code, one.json()["error"], set(one.headers)) for one in found]
    first, second = answers.values()
    assert first == second


def test_parallel_guesses_find_no_gap(limited: Running) -> None:
    """Of forty guesses at once ten are checked, and the right one among the others is not (item 25)."""
    email = somebody(limited)
    with ThreadPoolExecutor(40) as pool:
        statuses = Counter(
            pool.map(lambda number: guess(limited, email, f"{WRONG} {number}").status_code, range(40))
        )
    assert statuses == {400: GUESSES.free, 429: 40 - GUESSES.free}
    assert must_wait(guess(limited, email, PASSWORD))


def test_a_success_begins_the_count_anew(limited: Running) -> None:
    """Somebody who mistypes nine times a day is not worse off the next time."""
    email = somebody(limited)
    for _ in range(2):
        for _ in range(GUESSES.free - 1):
            oauth_error(guess(limited, email), "invalid_grant")
        assert guess(limited, email, PASSWORD).status_code == 200


@pytest.mark.parametrize("path", ["forgot-password", "resend-verification"])
def test_nobody_is_flooded_with_mails(limited: Running, path: str) -> None:
    """After a few requests it is a 429, whether or not somebody has the email address."""
    for email in (somebody(limited), f"nobody-{path}@example.com"):
        for _ in range(MAILS.free):
            assert plain.post(f"{limited.url}/api/auth/{path}", json={"email": email}).status_code == 202
        assert must_wait(plain.post(f"{limited.url}/api/auth/{path}", json={"email": email.upper()}))


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("DELETE", "/api/users/me", {}),
        ("POST", "/api/users/me/email", {"email": "x@example.com"}),
        ("POST", "/api/users/me/password", {"new_password": "a wholly other phrase"}),
    ],
)
def test_a_thief_of_a_token_does_not_guess_the_password(
    limited: Running, method: str, path: str, fields: dict[str, str]
) -> None:
    """Calls that a password confirms are limited too, with a 429 as a problem, and the token goes on working."""
    email = somebody(limited)
    name = "current_password" if path.endswith("/password") else "password"
    with ApiClient(limited.url, verify=False) as client:
        client.log_in(email)
        statuses = []
        for _ in range(20):
            answer = client.request(method, path, json={**fields, name: WRONG})
            statuses.append(answer.status_code)
        body = problem(answer, 429)
        assert body["code"] == "too_many_requests"
        assert int(answer.headers["Retry-After"]) > 0
        assert set(statuses) == {403, 429}
        assert client.get("/api/users/me").status_code == 200
