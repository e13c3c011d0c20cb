"""The session cookie that a page's script shows to the API: broken, planted, doubled, ended, or out of reach."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

from app.auth.keys import Purpose
from app.auth.models import Client, Principal
from app.auth.sessions import Sessions
from tests.api.answers import plain, problem
from tests.api.test_page_scripts import ME, RENAMED, token_on
from tests.kit.cookies import age, forget_renewals, give_cookie, make_cookie, make_stale, read_cookie
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, running
from tests.kit.services import Mongod
from tests.web.conftest import Visit

SAME_ORIGIN: Final = {"Sec-Fetch-Site": "same-origin"}
TEST: Final = Client("test")


def proof_of(browser: Browser) -> dict[str, str]:
    """The headers that a page's script sends with a write."""
    return {**SAME_ORIGIN, "X-CSRFToken": token_on(browser)}


def code(answer: httpx.Response) -> str:
    """The reason of a refusal for want of a login; the challenge mentions no token, because none was shown."""
    reason: str = problem(answer, 401)["code"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]
    assert "Set-Cookie" not in answer.headers
    return reason


BROKEN: Final[dict[str, Callable[[str], str]]] = {
    "rubbish": lambda value: "rubbish",
    "another signature": lambda value: value[:-4] + "AAAA",
    "no signature": lambda value: value.rpartition(".")[0],
    "empty": lambda value: "",
    "quoted rubbish": lambda value: '"x"',
    "bytes that are no text": lambda value: "\xff\xfe",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_planted_cookie_is_no_session(visit: Visit, email: str, kind: str) -> None:
    """A cookie with a bad signature, as a neighbour may plant it, is a 401 that says so, also for a write."""
    browser = visit(email)
    proof, value = proof_of(browser), BROKEN[kind](browser.cookies["session"])
    headers = {**proof, "Cookie": f"session={value}".encode("latin-1")}
    assert code(plain.get(f"{browser.base_url}{ME}", headers=headers)) == "token_invalid"
    assert (
        code(plain.request("PATCH", f"{browser.base_url}{ME}", json=RENAMED, headers=headers)) == "token_invalid"
    )
    assert browser.get(ME).json()["name"] == "Ada"


@pytest.mark.parametrize("other", ["own", "another's", "rubbish"])
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_session_cookies_neither_counts(
    visit: Visit,
    shared: Running,
    email: str,
    other: str,
    is_first: bool,
) -> None:
    """A neighbour can plant a second cookie for `/api` alone; a script is told that neither counts."""
    browser = visit(email)
    shared.make_user(f"b-{email}")
    values = {
        "own": browser.cookies["session"],
        "another's": visit(f"b-{email}").cookies["session"],
        "rubbish": "x",
    }
    pair = [browser.cookies["session"], values[other]]
    cookies = [f"session={value}" for value in (pair if is_first else reversed(pair))]
    headers = proof_of(browser)
    for sent in ([("Cookie", "; ".join(cookies))], [("Cookie", one) for one in cookies]):
        given = [*headers.items(), *sent]
        assert code(plain.get(f"{shared.url}{ME}", headers=given)) == "token_invalid"
        assert code(plain.request("PATCH", f"{shared.url}{ME}", json=RENAMED, headers=given)) == "token_invalid"


def test_a_session_of_nobody_is_nobody(visit: Visit) -> None:
    """A stranger at the login page has a cookie and a CSRF token, and is answered as without a cookie."""
    stranger = visit()
    headers = {**SAME_ORIGIN, "X-CSRFToken": stranger.csrf_token()}
    assert code(stranger.get(ME, headers=headers)) == "token_missing"
    assert code(stranger.patch(ME, json=RENAMED, headers=headers)) == "token_missing"


def _forged(duet: Running, purpose: Purpose, salt: str, value: object) -> str:
    keys = [key.secret for key in duet.auth.keys.keys(purpose)]
    text: str = URLSafeTimedSerializer(keys, salt=salt).dumps(value)
    return text


def test_a_csrf_token_of_another_make_proves_nothing(
    visit: Visit,
    shared: Running,
    email: str,
) -> None:
    """A token with another purpose's key or salt, another value or another type is the same as none."""
    browser = visit(email)
    token_on(browser)
    own = read_cookie(shared, browser.cookies["session"])["csrf_token"]
    good = _forged(shared, Purpose.CSRF, "wtf-csrf-token", own)
    bad: dict[str, str] = {
        "the session's own half": own,
        "another key": _forged(shared, Purpose.WEB_SESSION, "wtf-csrf-token", own),
        "another salt": _forged(shared, Purpose.CSRF, "duet.web-session", own),
        "another value": _forged(shared, Purpose.CSRF, "wtf-csrf-token", own[::-1]),
        "nothing": _forged(shared, Purpose.CSRF, "wtf-csrf-token", ""),
        "null": _forged(shared, Purpose.CSRF, "wtf-csrf-token", None),
        "a list": _forged(shared, Purpose.CSRF, "wtf-csrf-token", [own]),
        "not ASCII": _forged(shared, Purpose.CSRF, "wtf-csrf-token", "ö" * 40),
        "deep": "." * 500,
    }
    for name, token in bad.items():
        answer = browser.patch(ME, json=RENAMED, headers={**SAME_ORIGIN, "X-CSRFToken": token})
        assert problem(answer, 403)["code"] == "same_origin_unproven", name
        assert "WWW-Authenticate" not in answer.headers
    raw = [("Sec-Fetch-Site", b"same-origin"), ("X-CSRFToken", b"\xff\xed\xa0\x80")]
    assert problem(browser.patch(ME, json=RENAMED, headers=raw), 403)["code"] == "same_origin_unproven"  # type: ignore[arg-type]
    assert browser.patch(ME, json=RENAMED, headers={**SAME_ORIGIN, "X-CSRFToken": good}).status_code == 200


def test_a_session_without_a_csrf_token_writes_nothing(
    visit: Visit,
    shared: Running,
    email: str,
) -> None:
    """Before the first page there is no token to compare with, and a signed empty one proves nothing either."""
    browser = visit(email)
    values = read_cookie(shared, browser.cookies["session"])
    for own in ({}, {"csrf_token": None}, {"csrf_token": ""}):
        give_cookie(browser, make_cookie(shared, {"access_token": values["access_token"], **own}))
        for value in ("", None):
            token = _forged(shared, Purpose.CSRF, "wtf-csrf-token", value)
            answer = browser.patch(ME, json=RENAMED, headers={**SAME_ORIGIN, "X-CSRFToken": token})
            assert problem(answer, 403)["code"] == "same_origin_unproven"


ENDINGS: Final[dict[str, Callable[[Any, str, str], Awaitable[object]]]] = {
    "session_revoked": lambda auth, user, session: auth.administration.end_sessions(user, TEST),
    "password_changed": lambda auth, user, session: auth.credentials.set_password(user, "a long new phrase", TEST),
    "account_disabled": lambda auth, user, session: auth.administration.set_active(user, False, TEST),
    "account_deleted": lambda auth, user, session: auth.administration.delete(user, TEST),
}


@pytest.mark.parametrize("reason", ENDINGS)
@pytest.mark.parametrize("has_run_out", [False, True])
def test_what_ends_a_session_ends_it_here_at_once(
    visit: Visit,
    shared: Running,
    email: str,
    reason: str,
    has_run_out: bool,
) -> None:
    """The next call, read or write, is refused with the reason, although the page and its proof are good."""
    browser = visit(email)
    proof, user = proof_of(browser), browser.get(ME).json()["id"]
    if has_run_out:
        age(shared, browser)
    shared.wait(ENDINGS[reason](shared.auth, user, ""))
    # The store keeps no session of a deleted account, so nobody can tell any more why it ended.
    expected = {reason, "session_revoked"} if has_run_out else {reason}
    assert code(browser.get(ME, headers=SAME_ORIGIN)) in expected
    assert code(browser.patch(ME, json=RENAMED, headers=proof)) in expected
    assert "access_token" in read_cookie(shared, browser.cookies["session"])  # so the next page says why, too


def test_a_script_may_end_its_own_session(visit: Visit, email: str) -> None:
    """A script may log out or delete the account; afterwards the cookie that did it is refused."""
    browser = visit(email)
    proof = proof_of(browser)
    changed = {"current_password": PASSWORD, "new_password": f"{PASSWORD} 2"}
    assert browser.post(f"{ME}/password", json=changed, headers=proof).status_code == 204
    assert browser.get(ME).status_code == 200  # the session that changed the password stays
    (current,) = [one["id"] for one in browser.get(f"{ME}/sessions").json() if one["current"]]
    assert browser.delete(f"{ME}/sessions/{current}", headers=proof).status_code == 204
    assert code(browser.get(ME)) == "session_revoked"
    assert browser.log_in(email, f"{PASSWORD} 2").status_code == 303
    answer = browser.request("DELETE", ME, json={"password": f"{PASSWORD} 2"}, headers=proof_of(browser))
    assert answer.status_code == 204
    assert code(browser.get(ME)) == "account_deleted"


def test_a_stale_login_is_told_without_a_token(
    visit: Visit,
    shared: Running,
    email: str,
) -> None:
    """A page's script is asked for a recent password too, and confirming it on the page is enough."""
    browser = visit(email)
    proof, new = proof_of(browser), {"name": "from a page"}
    assert browser.post(f"{ME}/tokens", json=new, headers=proof).status_code == 201
    make_stale(shared, browser)
    assert code(browser.post(f"{ME}/tokens", json=new, headers=proof)) == "login_stale"
    assert browser.submit("/reauthenticate", password=PASSWORD).status_code == 303
    assert browser.post(f"{ME}/tokens", json=new, headers=proof_of(browser)).status_code == 201


def test_a_preflight_learns_nothing(visit: Visit, shared: Running, email: str) -> None:
    """OPTIONS and an unknown method are a 405 as for anybody, and the session is not even looked at."""
    browser = visit(email)
    proof = proof_of(browser)
    age(shared, browser)
    forget_renewals(shared)
    for method in ("OPTIONS", "TRACE", "PROPFIND"):
        assert browser.request(method, ME, headers=proof).status_code == 405
    assert forget_renewals(shared) == 0


def test_no_answer_opens_the_api_to_other_origins(visit: Visit, shared: Running, email: str) -> None:
    """No caller gets a CORS header, and no page of another origin takes an answer out of the cache."""
    browser = visit(email)
    for origin in (shared.url, "null", "http://127.0.0.1:1"):
        preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-csrftoken"}
        for answer in (
            browser.get(ME, headers={"Origin": origin}),
            browser.options(ME, headers={"Origin": origin, **preflight}),
        ):
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert browser.get(ME).headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_writes_at_once_share_one_renewal(
    shared: Running, visit: Visit, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write renews the token as a read does, and an unproven write never asks the store."""
    browser = visit(email)
    proof = proof_of(browser)
    age(shared, browser)
    asked: list[Principal] = []
    renew = Sessions.renew

    def counted(sessions: Sessions, principal: Principal) -> object:
        asked.append(principal)
        return renew(sessions, principal)

    monkeypatch.setattr(Sessions, "renew", counted)
    for headers in ({}, SAME_ORIGIN, {**proof, "Origin": "null"}, {**proof, "Sec-Fetch-Site": "same-site"}):
        assert browser.patch(ME, json=RENAMED, headers=headers).status_code in (401, 403)
    assert browser.get(ME, headers={"Sec-Fetch-Site": "same-site"}).status_code == 401
    assert asked == []
    for number in range(3):
        assert browser.patch(ME, json={"name": f"Grace {number}"}, headers=proof).status_code == 200
    assert len(asked) == 1


PROXIED: Final = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "duet.example:443"}


@pytest.fixture
def behind_https(tmp_path: Path) -> Iterator[Browser]:
    """Somebody on a site that is reached over https, through a proxy that ends TLS and names the port."""
    settings = make_settings(tmp_path, public_url="https://www.example", trusted_proxies="127.0.0.1")
    with running(settings) as duet:
        duet.make_user()
        with Browser(duet.url, headers=PROXIED) as browser:
            page = browser.get("/login")
            token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
            cookie = page.headers["Set-Cookie"].split(";")[0]
            form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
            answer = browser.post(
                "/login", data=form, headers={"Cookie": cookie, "Origin": "https://duet.example"}
            )
            assert answer.status_code == 303
            browser.cookies.clear()
            cookies = [one.split(";")[0] for one in answer.headers.get_list("Set-Cookie")]
            browser.headers["Cookie"] = next(one for one in cookies if one.startswith("__Host-session="))
            page = browser.get("/account")
            browser.headers["Cookie"] = page.headers["Set-Cookie"].split(";")[0]
            yield browser


def test_behind_a_proxy_the_public_origin_counts(behind_https: Browser) -> None:
    """The origins of PUBLIC_URL and the forwarded host are the site's; the http one and the inner name are not."""
    proof = {"X-CSRFToken": token_on(behind_https)}
    for origin, status in (
        ("https://duet.example", 200),
        ("https://www.example", 200),
        ("http://duet.example", 403),
        ("https://duet.example:444", 403),
        ("https://sub.duet.example", 403),
        (str(behind_https.base_url).rstrip("/"), 403),
    ):
        answer = behind_https.patch(ME, json=RENAMED, headers={**proof, "Origin": origin})
        assert answer.status_code == status, origin
    stranger = {**proof, "Origin": "https://evil.example", "Forwarded": "host=evil.example;proto=https"}
    assert behind_https.patch(ME, json=RENAMED, headers=stranger).status_code == 403


def test_without_the_store_a_script_is_asked_to_wait(tmp_path: Path) -> None:
    """With an expired token and the database away it is a 503 and no logout; public routes still answer."""
    mongod = Mongod(tmp_path / "mongod")
    mongod.start()
    try:
        settings = make_settings(tmp_path, database_url=f"{mongod.url}duet")
        with running(settings) as duet, Browser(duet.url, timeout=20) as browser:
            duet.make_user()
            browser.log_in()
            proof = proof_of(browser)
            age(duet, browser)
            mongod.pause()
            try:
                for answer in (browser.get(ME), browser.patch(ME, json=RENAMED, headers=proof)):
                    assert problem(answer, 503)["code"] == "store_unavailable"
                    assert int(answer.headers["Retry-After"]) > 0
                    assert "Set-Cookie" not in answer.headers
                assert browser.get("/api/openapi.json").status_code == 200
            finally:
                mongod.resume()
            deadline = time.monotonic() + 60
            while (answer := browser.get(ME)).status_code == 503 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert answer.status_code == 200
    finally:
        mongod.stop()
