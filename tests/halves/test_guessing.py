"""Guessing passwords at a Duet that is served: one counter for both halves (items 25 to 27)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.auth.limits import throttle
from app.auth.limits.throttle import ADDRESS_GUESSES, GUESSES
from app.auth.models import Client
from tests.deploy.process import duet as run_duet
from tests.deploy.process import served
from tests.kit import wire
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, messages, running

EMAIL = "ada@example.com"
WRONG = "not the password at all"
WAIT = re.compile(r"There were too many tries\. Please wait \d+ seconds?\.")
SPELLINGS = ["/api/auth/token", "/api//auth/token", "//api/auth/token", "/api/auth///token", "/api/./auth/token"]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Running]:
    """A Duet with limits, and somebody's account on it."""
    with running(make_settings(tmp_path, rate_limits=True)) as one:
        one.make_user(EMAIL)
        yield one


def on_api(
    url: str, email: str = EMAIL, password: str = WRONG, *, path: str = SPELLINGS[0], **headers: str
) -> httpx.Response:
    """A guess on the API."""
    form = {"grant_type": "password", "username": email, "password": password}
    return wire.post(f"{url}{path}", data=form, headers=headers)


def on_page(url: str, email: str = EMAIL, password: str = WRONG) -> httpx.Response:
    """A guess on the page, in a browser that was never there before."""
    with Browser(url) as browser:
        return browser.log_in(email, password)


def block(url: str, email: str = EMAIL) -> None:
    """Guesses until no further guess is allowed."""
    assert [on_api(url, email).status_code for _ in range(GUESSES.free)] == [400] * GUESSES.free
    assert on_api(url, email).status_code == 429


def test_page_and_api_share_one_counter(limited: Running) -> None:
    """Five failures on each half make ten; then both tell machines and people to wait (item 25)."""
    for _ in range(5):
        assert on_page(limited.url).status_code == 401
        assert on_api(limited.url).status_code == 400
    page, api = on_page(limited.url, password=PASSWORD), on_api(limited.url, password=PASSWORD)
    assert (page.status_code, api.status_code) == (429, 429)
    for answer in (page, api):
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert any(WAIT.fullmatch(text) for text in messages(page.text)), messages(page.text)
    assert api.json()["error"] == "slow_down"
    assert WAIT.fullmatch(api.json()["error_description"])
    assert api.headers["Content-Type"] == "application/json"
    assert "no-store" in api.headers["Cache-Control"]


def test_other_spellings_and_lies_change_nothing(limited: Running) -> None:
    """Other spellings of the path or address, or a false origin, give no new guesses (item 27)."""
    lies = [
        {"X-Forwarded-For": "198.51.100.{}"},
        {"Forwarded": "for=198.51.100.{}"},
        {"X-Real-IP": "198.51.100.{}"},
        {"User-Agent": "guesser/{}"},
        {"Cookie": "duet_device={}" + "A" * 21},
    ]
    statuses = []
    for number in range(GUESSES.free):
        headers = {name: value.format(number) for name, value in lies[number % len(lies)].items()}
        email = ["ada@example.com", "ADA@example.com", " ada@EXAMPLE.com "][number % 3]
        statuses.append(on_api(limited.url, email, path=SPELLINGS[number % 4], **headers).status_code)
    assert statuses == [400] * GUESSES.free
    for path in SPELLINGS[:4]:
        for lie in lies:
            headers = {name: value.format(99) for name, value in lie.items()}
            assert on_api(limited.url, path=path, **headers).status_code == 429, (path, lie)
    assert on_page(limited.url).status_code == 429


def test_a_forged_address_is_no_way_around_the_network_s_limit(limited: Running) -> None:
    """Two hundred guesses at any accounts are limited, though each has another X-Forwarded-For (item 27)."""
    with httpx.Client(transport=wire.Wire()) as client:

        def guess(number: int) -> int:
            form = {"grant_type": "password", "username": f"user{number}@example.com", "password": WRONG}
            headers = {"X-Forwarded-For": f"198.51.100.{number % 250}"}
            return client.post(f"{limited.url}/api/auth/token", data=form, headers=headers).status_code

        assert {guess(number) for number in range(ADDRESS_GUESSES.free)} == {400}
        assert guess(1000) == 429


def test_behind_a_trusted_proxy_each_visitor_has_a_network(tmp_path: Path) -> None:
    """The proxy's own address belongs to nobody, so one visitor's guesses hold no other visitor up (item 27)."""
    with running(make_settings(tmp_path, rate_limits=True, trusted_proxies="127.0.0.1")) as one:
        one.make_user(EMAIL)
        with httpx.Client(transport=wire.Wire()) as client:
            for number in range(ADDRESS_GUESSES.free):
                form = {"grant_type": "password", "username": f"user{number}@example.com", "password": WRONG}
                client.post(f"{one.url}/api/auth/token", data=form, headers={"X-Forwarded-For": "198.51.100.1"})
        assert on_api(one.url, password=PASSWORD, **{"X-Forwarded-For": "198.51.100.1"}).status_code == 429
        assert on_api(one.url, password=PASSWORD, **{"X-Forwarded-For": "198.51.100.2"}).status_code == 200


def test_of_two_hundred_guesses_at_once_ten_are_looked_at(
    limited: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two hundred guesses at once, half on the page and half on the API, ten are checked (item 25)."""
    # The first wait lasts minutes: on a busy machine five seconds would be over before the last guess is made.
    monkeypatch.setattr(throttle, "GUESSES", replace(GUESSES, first_wait=timedelta(minutes=4)))
    with Browser(limited.url) as browser, ThreadPoolExecutor(200) as pool:
        page = {"csrf_token": browser.csrf_token(), "email": EMAIL, "password": WRONG}
        api = {"grant_type": "password", "username": EMAIL, "password": WRONG}
        all_ready = threading.Barrier(200)

        def guess(number: int) -> int:
            all_ready.wait(60)
            path, form = ("/login", page) if number % 2 else ("/api/auth/token", api)
            return browser.post(path, data=form).status_code

        statuses = list(pool.map(guess, range(200)))
    assert set(statuses) <= {400, 401, 429}
    assert len(statuses) - statuses.count(429) == GUESSES.free


def test_a_restart_of_the_process_keeps_the_counter(tmp_path: Path) -> None:
    """Neither a restart of `duet serve` nor another container on the database gives ten new guesses (item 25)."""
    made = run_duet(tmp_path, "user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    with served(tmp_path, RATE_LIMITS="1") as one:
        assert [on_api(one.url).status_code for _ in range(9)] == [400] * 9
    with served(tmp_path, RATE_LIMITS="1") as again:
        assert on_page(again.url).status_code == 401
        assert on_api(again.url, password=PASSWORD).status_code == 429


def test_the_owner_gets_in_while_a_stranger_guesses(limited: Running) -> None:
    """The browser that logged in before gets in, while another browser and the stranger wait (item 26)."""
    with Browser(limited.url) as owner, Browser(limited.url) as new:
        assert owner.log_in().status_code == 303
        owner.log_out()
        for _ in range(2):
            block(limited.url)
            assert new.log_in().status_code == 429
            assert owner.log_in().status_code == 303
            assert owner.get("/account").status_code == 200
            owner.log_out()


def test_known_and_unknown_accounts_are_blocked_alike(limited: Running) -> None:
    """Status, body and headers are the same throughout, with or without an account, on both halves (item 23)."""
    off = limited.make_user("off@example.com")
    limited.wait(limited.auth.administration.set_active(off.id, False, Client("test")))
    told = {}
    for email in (EMAIL, "nobody@example.com", "off@example.com"):
        password = PASSWORD if email == "off@example.com" else WRONG
        answers = [(on_page if number % 2 else on_api)(limited.url, email, password) for number in range(13)]
        told[email] = [_alike(answer, email) for answer in answers]
    assert [status for status, *_ in told[EMAIL]] == [400, 401] * 5 + [429] * 3
    assert told["nobody@example.com"] == told[EMAIL]
    assert told["off@example.com"] == told[EMAIL]


def _alike(answer: httpx.Response, email: str) -> tuple[int, str, dict[str, str]]:
    """What must not differ: everything but the time, ids, and the email address that is shown again."""
    text = WAIT.sub("(wait)", answer.text).replace(email, "(address)")
    text = re.sub(r'name="csrf_token"[^>]*value="[^"]+"|\b[0-9a-f]{16}\b', "", text)
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    if "retry-after" in headers:
        assert 1 <= int(headers.pop("retry-after")) <= 5
    headers.pop("content-length")
    headers["set-cookie"] = re.sub(r"session=[^;]*|[Ee]xpires=[^;]*", "", headers.get("set-cookie", ""))
    return answer.status_code, text, headers
