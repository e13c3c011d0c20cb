"""Items 25 to 27: guessing at every door, from many places, and what a request says of its origin."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.clock import SystemClock
from app.auth.limits import throttle
from app.auth.limits.throttle import ADDRESS_GUESSES, GUESSES, OWN_GUESSES
from tests.attacks.conftest import new_address
from tests.attacks.logins.ways import post, try_api, try_page
from tests.attacks.raw import bearer, one, request
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running
from tests.kit.live import talk
from tests.kit.mails import mail_with_link, token_in
from tests.kit.wire import Wire

WRONG = "not the password at all"


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Running]:
    """A Duet with limits, all counters at zero."""
    with running(make_settings(tmp_path, rate_limits=True)) as one:
        yield one


@pytest.fixture
def email(limited: Running) -> str:
    """Somebody's address."""
    return limited.make_user(new_address()).email


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the given number of seconds pass, for every Duet of this process."""
    now, total = SystemClock.now, 0.0

    def step(seconds: float) -> None:
        nonlocal total
        total += seconds
        monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + timedelta(seconds=total))

    return step


def must_wait(answer: httpx.Response) -> int:
    """How long a 429 says to wait, in seconds."""
    assert answer.status_code == 429, answer.status_code
    return int(answer.headers["Retry-After"])


def lock(duet: Running, email: str) -> None:
    """Guesses until no further guess is allowed."""
    assert [try_api(duet, email, WRONG).status_code for _ in range(GUESSES.free)] == [400] * GUESSES.free
    must_wait(try_api(duet, email, PASSWORD))


# 25: one counter


def test_s25_five_failures_on_each_half_are_ten(limited: Running, email: str) -> None:
    """Five failures on each half lock every spelling of the address; then both refuse the right password for a
    while."""
    local, domain = email.split("@")
    wide = "".join(chr(ord(char) + 0xFEE0) for char in local)
    spellings = [email, email.upper(), f"{local}@{domain.title()}", f"  {email} ", f"{wide}@{domain}"]
    for spelling in spellings:
        assert try_page(limited, spelling, WRONG).status_code == 401
        assert try_api(limited, spelling, WRONG).status_code == 400
    for spelling in spellings:
        for attempt in (try_page, try_api):
            assert 1 <= must_wait(attempt(limited, spelling, PASSWORD)) <= 5


def test_s25_every_door_counts(limited: Running, email: str) -> None:
    """A thief with a token and a cookie has the ten tries that everybody has, and a few for the session."""
    with ApiClient(limited.url, verify=False) as api, Browser(limited.url, verify=False) as browser:
        api.log_in(email)
        browser.log_in(email)
        change = {"current_password": WRONG, "new_password": "seven sober walruses hum"}
        doors: list[Callable[[], httpx.Response]] = [
            lambda: try_api(limited, email, WRONG),
            lambda: try_page(limited, email, WRONG),
            lambda: api.post("/api/users/me/password", json=change),
            lambda: api.post("/api/users/me/email", json={"email": new_address(), "password": WRONG}),
            lambda: api.request("DELETE", "/api/users/me", json={"password": WRONG}),
            lambda: browser.submit("/reauthenticate", password=WRONG),
            lambda: browser.submit("/account/password", **change),
            lambda: browser.submit("/account/email", email=new_address(), password=WRONG),
            lambda: browser.submit("/account/delete", password=WRONG),
        ]
        statuses = [door().status_code for _ in range(6) for door in doors]
        looked_at = len(statuses) - statuses.count(429)
        assert set(statuses) <= {400, 401, 403, 422, 429}
        assert GUESSES.free <= looked_at <= GUESSES.free + 2 * OWN_GUESSES.free
        assert [door().status_code for door in doors] == [429] * len(doors)


def test_s25_two_hundred_at_once_in_two_containers_and_after_a_restart(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 guesses at once at two Duets on one database ten are checked, and a third Duet knows of them."""
    # The first wait lasts minutes: on a busy machine five seconds would be over before the last guess is made.
    monkeypatch.setattr(throttle, "GUESSES", replace(GUESSES, first_wait=timedelta(minutes=4)))
    settings = make_settings(tmp_path, database_url=database_url, rate_limits=True)
    with ExitStack() as both:
        duets = [both.enter_context(running(settings)) for _ in range(2)]
        email = duets[0].make_user(new_address()).email
        clients = [both.enter_context(_form_filler(duet, email)) for duet in duets]
        tries = [try_one for _, try_one in zip(range(200), itertools.cycle(_tries(clients, email)), strict=False)]
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda try_one: try_one(), tries))
        counted = Counter(answer.status_code for answer in answers)
        assert counted[429] == 200 - GUESSES.free, counted
        assert set(counted) <= {400, 401, 429}
        assert all(1 <= must_wait(answer) <= 300 for answer in answers if answer.status_code == 429)
    with running(settings) as again:
        assert 1 <= must_wait(try_api(again, email, PASSWORD)) <= 300
        assert 1 <= must_wait(try_page(again, email, PASSWORD)) <= 300


class _Filler(httpx.Client):
    form: dict[str, str]


def _form_filler(duet: Running, email: str) -> _Filler:
    """A client with the login's form, so that a guess on the page is one request."""
    client = _Filler(base_url=duet.url, transport=Wire(), timeout=60)
    with Browser(duet.url, verify=False) as browser:
        client.form = {"csrf_token": browser.csrf_token(), "email": email, "password": WRONG}
        client.cookies.update(browser.cookies)
    return client


def _tries(clients: list[_Filler], email: str) -> list[Callable[[], httpx.Response]]:
    grant = {"grant_type": "password", "username": email, "password": WRONG}
    on_pages = [lambda client=client: client.post("/login", data=client.form) for client in clients]
    return [*on_pages, *(lambda client=client: client.post("/api/auth/token", data=grant) for client in clients)]


def test_s25_a_wrong_guess_is_counted_though_its_client_hangs_up(limited: Running, email: str) -> None:
    """A program that does not wait for the answers gets no more guesses than one that does."""
    body = f"grant_type=password&username={email.replace('@', '%40')}&password=wrong".encode()
    head = b"POST /api/auth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pipelined = talk(limited.url, request * 40 + request.replace(b"Host: a", b"Host: a\r\nConnection: close"))
    assert pipelined.count(b"HTTP/1.1 400") == GUESSES.free
    assert pipelined.count(b"HTTP/1.1 429") == 41 - GUESSES.free
    must_wait(try_page(limited, email, PASSWORD))


# 26: the owner gets in


def test_s26_the_owner_s_browser_gets_in_while_a_stranger_guesses(limited: Running, email: str) -> None:
    """A cookie from an earlier login lets the owner in; somebody else's or a made-up one does not help the
    stranger."""
    with Browser(limited.url, verify=False) as owner, Browser(limited.url, verify=False) as stranger:
        assert owner.log_in(email).status_code == 303
        owner.log_out()
        own = limited.make_user(new_address()).email
        assert stranger.log_in(own).status_code == 303
        stranger.log_out()
        for _ in range(3):
            while stranger.log_in(email, WRONG).status_code != 429:
                pass
            must_wait(stranger.log_in(email))
            assert owner.log_in(email).status_code == 303
            assert owner.get("/account").status_code == 200
            owner.log_out()
        while stranger.log_in(email, WRONG).status_code != 429:
            pass
        for made_up in ("A" * 22, ".".join(["A" * 22] * 5), owner.cookies["duet_device"][::-1]):
            must_wait(try_page(limited, email, PASSWORD, cookies={"duet_device": made_up}))


def test_s26_waits_grow_and_stay_short(limited: Running, email: str, later: Callable[[float], None]) -> None:
    """While a stranger guesses all day the wait grows from five seconds to five minutes; then the owner gets
    in."""
    lock(limited, email)
    waits = []
    for _ in range(40):
        waits.append(must_wait(try_api(limited, email, PASSWORD)))
        later(waits[-1])
        assert try_api(limited, email, WRONG).status_code == 400
    assert waits[0] <= 5
    assert waits == sorted(waits)
    assert max(waits) <= 300
    assert waits[-1] > 60, "a stranger's guesses are not slowed down"
    later(must_wait(try_page(limited, email, PASSWORD)))
    assert try_page(limited, email, PASSWORD).status_code == 303
    assert try_api(limited, email, WRONG).status_code == 400, "a login begins the count anew"


def test_s26_a_link_by_mail_opens_a_locked_account(limited: Running, email: str) -> None:
    """A link in a mail opens a locked account, even on a machine that was never used before."""
    lock(limited, email)
    assert post(limited, "/api/auth/forgot-password", json={"email": email}).status_code == 202
    token = token_in(mail_with_link(limited.outbox, "reset-password", to=email))
    new = "seven sober walruses hum"
    assert post(limited, "/api/auth/reset-password", json={"token": token, "password": new}).status_code == 204
    assert try_api(limited, email, new).status_code == 200
    assert try_page(limited, email, new).status_code == 303


def test_s26_sessions_go_on_while_the_account_is_locked(limited: Running, email: str) -> None:
    """While the account is locked, pages, tokens and refreshes still work: they don't ask for the password."""
    with ApiClient(limited.url, verify=False) as api, Browser(limited.url, verify=False) as browser:
        api.log_in(email)
        browser.log_in(email)
        lock(limited, email)
        assert api.get("/api/users/me").status_code == 200
        assert api.refresh().status_code == 200
        assert browser.get("/account").status_code == 200
        assert browser.submit("/reauthenticate", password=PASSWORD).status_code == 303


# 27: where a request comes from

#: What a stranger may claim about its origin; `{}` changes each time.
LIES: list[dict[str, str]] = [
    {"X-Forwarded-For": "198.51.100.{}"},
    {"X-Forwarded-For": "198.51.100.{}, 127.0.0.1"},
    {"X_Forwarded_For": "198.51.100.{}"},
    {"Forwarded": "for=198.51.100.{};proto=https"},
    {"X-Real-IP": "198.51.100.{}"},
    {"X-Client-IP": "198.51.100.{}", "True-Client-IP": "198.51.100.{}", "CF-Connecting-IP": "198.51.100.{}"},
    {"X-Forwarded-Host": "h{}.example", "X-Forwarded-Proto": "https", "User-Agent": "agent {}"},
    {"X-Original-For": "198.51.100.{}", "X-Cluster-Client-IP": "198.51.100.{}", "Via": "1.1 proxy{}"},
]
#: Spellings of the token endpoint's path by proxies and clients.
PATHS = [
    "/api/auth/token",
    "//api/auth/token",
    "/api//auth/token",
    "/api/auth///token",
    "/api/auth%2Ftoken",
    "/%61pi/auth/%74oken",
]


def told(lie: dict[str, str], number: int) -> dict[str, str]:
    """The headers of a false claim."""
    return {name: value.format(number) for name, value in lie.items()}


def test_s27_lies_about_the_origin_change_nothing(limited: Running, email: str) -> None:
    """No header gives a stranger new guesses at an account, on either half and in any spelling of the path."""
    statuses = Counter[int]()
    for number, (path, lie) in enumerate(itertools.product(PATHS, LIES)):
        headers = told(lie, number)
        form = {"grant_type": "password", "username": email, "password": WRONG}
        statuses[post(limited, path, data=form, headers=headers).status_code] += 1
    assert statuses == {400: GUESSES.free, 429: len(PATHS) * len(LIES) - GUESSES.free}
    for number, lie in enumerate(LIES):
        must_wait(
            try_page(limited, email, PASSWORD, headers={name: value.format(number) for name, value in lie.items()})
        )


def test_s27_nor_do_they_hide_one_who_guesses_at_everybody(limited: Running) -> None:
    """A place that guesses at two hundred accounts has to wait, although each request claims another origin."""
    with httpx.Client(transport=Wire()) as client:

        def guess(number: int) -> int:
            lie = LIES[number % len(LIES)]
            headers = told(lie, number % 250)
            form = {"grant_type": "password", "username": f"user{number}@example.com", "password": WRONG}
            return client.post(limited.url + PATHS[number % len(PATHS)], data=form, headers=headers).status_code

        assert Counter(map(guess, range(ADDRESS_GUESSES.free + 20))) == {400: ADDRESS_GUESSES.free, 429: 20}


def test_s27_the_sessions_and_the_log_name_the_peer(limited: Running, email: str) -> None:
    """Both halves record the connection's IP address for a login, whatever the headers say."""
    for lie in LIES:
        headers = told(lie, 7)
        with ApiClient(limited.url, verify=False, headers=headers) as api:
            with Browser(limited.url, verify=False, headers=headers) as browser:
                assert browser.log_in(email).status_code == 303
            assert api.log_in(email).status_code == 200
            sessions: list[dict[str, Any]] = api.get("/api/users/me/sessions").json()
            events: list[dict[str, Any]] = api.get("/api/users/me/audit").json()["items"]
    assert {one["ip"] for one in sessions} == {"127.0.0.1"}
    assert {one["ip"] for one in events if one["event"] == "login"} == {"127.0.0.1"}


def test_s27_a_trusted_proxy_is_believed_and_its_client_is_not(tmp_path: Path) -> None:
    """Each client of a trusted proxy has its own IP address; entries further left in the header are the client's
    own."""
    with running(make_settings(tmp_path, rate_limits=True, trusted_proxies="127.0.0.1")) as one:
        email = one.make_user(new_address()).email
        with httpx.Client(base_url=one.url, transport=Wire()) as client:
            for number in range(ADDRESS_GUESSES.free):
                chain = {"X-Forwarded-For": f"203.0.113.{number % 250}, 198.51.100.1"}
                form = {"grant_type": "password", "username": f"user{number}@example.com", "password": WRONG}
                assert client.post("/api/auth/token", data=form, headers=chain).status_code == 400
        told_and_got = {"198.51.100.1": 429, "203.0.113.77, 198.51.100.1": 429, "198.51.100.2": 200}
        for said, expected in told_and_got.items():
            assert try_api(one, email, PASSWORD, headers={"X-Forwarded-For": said}).status_code == expected, said


def test_s27_a_trailer_is_no_header(https_house: Running) -> None:
    """A trailer behind a chunked body, where a proxy may not look, does not change a request's origin."""
    email = https_house.make_user(new_address()).email
    body = f"grant_type=password&username={email}&password={PASSWORD.replace(' ', '+')}".encode()
    head = request(
        "/api/auth/token",
        "Content-Type: application/x-www-form-urlencoded",
        "Transfer-Encoding: chunked",
        method="POST",
    )
    trailer = b"0\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n"
    answer = one(https_house.url, head + b"%x\r\n%b\r\n" % (len(body), body) + trailer)
    token = answer.json()["access_token"]
    [session] = one(https_house.url, request("/api/users/me/sessions", bearer(token))).json()
    assert session["ip"] == "127.0.0.1"
