"""Scripts of the pages on the API: which headers let the browser's session count."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.api.answers import problem
from tests.kit.cookies import aged_token, give_cookie, make_cookie, read_cookie
from tests.kit.duet import PASSWORD, SECRET, Browser, Running, make_settings, running

ME = "/api/users/me"
RENAMED = {"name": "Grace"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet whose public address is not the one that the tests use."""
    settings = make_settings(tmp_path_factory.mktemp("duet"), public_url="http://duet.example.com")
    with running(settings) as one:
        yield one


@pytest.fixture
def page(shared: Running, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A browser for this test, logged in as a new person."""
    email = f"{abs(hash(request.node.name))}@example.com"
    shared.make_user(email)
    with Browser(shared.url) as browser:
        assert browser.log_in(email).status_code == 303
        yield browser


def token_on(browser: Browser) -> str:
    """The CSRF token that scripts find on a page."""
    found = re.search(r'<meta name="csrf-token" content="([^"]+)">', browser.get("/account").text)
    assert found
    return found[1]


def write(browser: Browser, **headers: str | None) -> httpx.Response:
    """Changes one's name, with these headers; underscores in their names become hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return browser.patch(ME, json=RENAMED, headers=given)


def test_a_page_s_script_reads_and_writes(page: Browser, shared: Running) -> None:
    """With Chromium's headers the answer is the account's, the name is changed, and no cache keeps it."""
    answer = page.get(ME, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]
    proof = {"X-CSRFToken": token_on(page), "Sec-Fetch-Site": "same-origin", "Origin": shared.url}
    assert page.patch(ME, json=RENAMED, headers=proof).json()["name"] == "Grace"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["own", "http://duet.example.com", "HTTP://DUET.example.com"])
def test_either_word_of_the_browser_is_enough(page: Browser, shared: Running, origin: str) -> None:
    """Over plain http browsers send no Sec-Fetch-Site, so an Origin of PUBLIC_URL or this address is enough."""
    token = token_on(page)
    assert write(page, X_CSRFToken=token, Origin=shared.url if origin == "own" else origin).status_code == 200
    assert write(page, X_CSRF_Token=token, Sec_Fetch_Site="same-origin").status_code == 200


FOREIGN = [
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "https://duet.example.com"},  # another scheme
    {"Origin": "http://duet.example.com:81"},  # another port
    {"Origin": "http://duet.example.com.evil.example"},
    {"Origin": "http://127.0.0.1:1"},  # a neighbour on this host, who shares the cookies
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none, same-origin"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": "own"},
    {"Sec-Fetch-Site": "same-site", "Origin": "own"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_page_does_nothing(page: Browser, shared: Running, headers: dict[str, str]) -> None:
    """A write from another origin is refused even with the CSRF token, and a read is answered as nobody's."""
    sent = {name: shared.url if value == "own" else value for name, value in headers.items()}
    for proof in ({"X-CSRFToken": token_on(page)}, {}):
        answer = page.patch(ME, json=RENAMED, headers={**sent, **proof})
        assert problem(answer, 403)["code"] == "same_origin_unproven"
    assert problem(page.get(ME, headers=sent), 401)["code"] == "token_missing"
    assert page.get(ME).json()["name"] == "Ada"


def test_doubled_headers_prove_nothing(page: Browser, shared: Running) -> None:
    """Of two Origins, two Sec-Fetch-Sites or two tokens somebody else added one, so neither counts."""
    token = token_on(page)
    good = [("X-CSRFToken", token), ("Origin", shared.url), ("Sec-Fetch-Site", "same-origin")]
    for name, value in (("Origin", "http://evil.example"), *good, ("Sec-Fetch-Site", "cross-site")):
        answer = page.patch(ME, json=RENAMED, headers=[*good, (name, value)])
        assert problem(answer, 403)["code"] == "same_origin_unproven"


def test_a_write_needs_every_proof(page: Browser, shared: Running) -> None:
    """Without the token or the browser's headers the cookie allows nothing; on its own it is not looked at."""
    token = token_on(page)
    for headers in (
        {"X_CSRFToken": token},
        {"Sec_Fetch_Site": "same-origin", "Origin": shared.url},
        {"Sec_Fetch_Site": "none", "X_CSRFToken": token},
        {"Sec_Fetch_Site": "same-origin", "X_CSRFToken": ""},
        {"Sec_Fetch_Site": "same-origin", "X_CSRFToken": token.swapcase()},
        {"Sec_Fetch_Site": "same-origin", "X_CSRFToken": page.cookies["session"]},
    ):
        assert problem(write(page, **headers), 403)["code"] == "same_origin_unproven"
    assert problem(write(page), 401)["code"] == "token_missing"
    assert page.get(ME).json()["name"] == "Ada"


def test_a_token_of_another_session_is_none(page: Browser, shared: Running) -> None:
    """A token from another person's page, or from a stranger's login page, proves nothing here."""
    assert write(page, X_CSRFToken=token_on(page), Sec_Fetch_Site="same-origin").status_code == 200
    shared.make_user("other@example.com")
    with Browser(shared.url) as other:
        tokens = [other.csrf_token("/login")]
        other.log_in("other@example.com")
        tokens.append(token_on(other))
    for token in tokens:
        answer = write(page, X_CSRFToken=token, Sec_Fetch_Site="same-origin")
        assert problem(answer, 403)["code"] == "same_origin_unproven"


def test_an_open_page_survives_a_change_of_secret(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A CSRF token that was signed with a fallback still counts; a dropped secret ends the session."""
    folder, old, new = tmp_path_factory.mktemp("duet"), SECRET, f"{SECRET} anew: pT7hX3cLm9Rb"
    with running(make_settings(folder, secret_key=old, public_url="http://x.example")) as duet:
        duet.make_user()
        with Browser(duet.url) as browser:
            browser.log_in()
            token, cookie = token_on(browser), browser.cookies["session"]
    for fallbacks, status in (((old,), 200), ((), 401)):
        settings = make_settings(
            folder, secret_key=new, secret_key_fallbacks=fallbacks, public_url="http://x.example"
        )
        with running(settings) as duet, Browser(duet.url) as browser:
            give_cookie(browser, cookie)
            assert write(browser, X_CSRFToken=token, Sec_Fetch_Site="same-origin").status_code == status


def test_public_routes_do_not_know_whom_a_foreign_page_sends(page: Browser, shared: Running) -> None:
    """Logging in by a form works from any page, and the route sees the caller as nobody."""
    form = {"grant_type": "password", "username": "nobody@example.com", "password": PASSWORD}
    answer = page.post("/api/auth/token", data=form, headers={"Origin": "http://evil.example"})
    assert answer.json()["error"] == "invalid_grant"


def test_a_burst_with_an_old_cookie_costs_one_look_up(page: Browser, shared: Running) -> None:
    """Fifty calls and pages at once, after the token has expired, are all answered, and nobody is logged out."""
    values = read_cookie(shared, page.cookies["session"])
    cookie = make_cookie(shared, {**values, "access_token": aged_token(shared, page)})
    headers = {"Cookie": f"session={cookie}", "Sec-Fetch-Site": "same-origin"}

    async def ask() -> list[int]:
        async with httpx.AsyncClient(base_url=shared.url, headers=headers) as client:
            paths = [ME if number % 2 else "/account" for number in range(50)]
            return [answer.status_code for answer in await asyncio.gather(*map(client.get, paths))]

    store = shared.auth.sessions.store
    calls = 0
    look_up = store.session_with_user

    async def counted(session_id: str) -> object:
        nonlocal calls
        calls += 1
        return await look_up(session_id)

    store.session_with_user = counted  # type: ignore[method-assign, assignment]
    try:
        assert asyncio.run(ask()) == [200] * 50
    finally:
        del store.session_with_user
    assert calls == 1


def test_what_ended_ends_for_scripts_too(page: Browser, shared: Running) -> None:
    """After a logout, and for a disabled account, the copied cookie reads nothing, and the reason is given."""
    cookie, me = page.cookies["session"], page.get(ME).json()
    page.log_out()
    give_cookie(page, cookie)
    answer = page.get(ME, headers={"Sec-Fetch-Site": "same-origin"})
    assert problem(answer, 401)["code"] == "logged_out"
    with Browser(shared.url) as again:
        again.log_in(me["email"])
        token = token_on(again)
        again.log_out()
        answer = write(again, X_CSRFToken=token, Sec_Fetch_Site="same-origin")
        assert problem(answer, 401)["code"] == "token_missing"
