"""Cookies: how they are marked, what a login and a logout do to them, and who may cache the pages they open
(security.md, items 16, 18 and 21)."""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from app.auth.models import Client
from tests.attacks.conftest import Call, Visit, new_address
from tests.auth.jws import claims_of
from tests.kit.cookies import age, give_cookie, read_cookie, token_of
from tests.kit.duet import PASSWORD, Running
from tests.kit.wire import Wire

FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "duet.example"}
MAX_BYTES = 4096


def set_in(answer: httpx.Response) -> list[str]:
    """The Set-Cookie headers of an answer."""
    return answer.headers.get_list("Set-Cookie")


class Https:
    """A browser at https://duet.example, behind the proxy. It keeps Secure cookies, which httpx would not send."""

    def __init__(self, duet: Running) -> None:
        self.client = httpx.Client(base_url=duet.url, transport=Wire(), headers=FORWARDED)
        self.jar: dict[str, str] = {}
        self.seen: list[str] = []

    def send(self, method: str, path: str, **fields: str) -> httpx.Response:
        """Sends a request with the cookies so far."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        headers = {"Cookie": cookie, "Origin": "https://duet.example"}
        answer = self.client.request(method, path, headers=headers, data=fields or None)
        self.client.cookies.clear()
        for header in set_in(answer):
            self.seen.append(header)
            for name, morsel in SimpleCookie(header).items():
                self.jar[name] = morsel.value
        return answer

    def submit(self, path: str, **fields: str) -> httpx.Response:
        """Submits a form, with the token of its page."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.send("GET", path).text)
        assert found
        return self.send("POST", path, csrf_token=found[1], **fields)


def flags(header: str) -> set[str]:
    """The attributes of a Set-Cookie header, in lower case and without instants."""
    parts = [part.strip().lower() for part in header.split(";")[1:]]
    return {part for part in parts if not part.startswith(("expires=", "max-age="))}


@pytest.fixture
def https(https_house: Running) -> Iterator[Https]:
    """A browser at that address, not logged in."""
    one = Https(https_house)
    yield one
    one.client.close()


# 16: how cookies are marked


def test_s16_over_https_every_cookie_is_bound_to_the_host(https_house: Running, https: Https) -> None:
    """Cookies have `__Host-`, Secure, HttpOnly, SameSite=Lax, Path=/ and no Domain, until the logout
    (V3.3)."""
    email = https_house.make_user(new_address()).email
    assert https.submit("/login", email=email, password=PASSWORD).status_code == 303
    assert https.send("GET", "/account").status_code == 200
    assert https.submit("/account", name="Ada L.").status_code == 303
    assert https.submit("/reauthenticate", password=PASSWORD).status_code == 303
    form = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', https.send("GET", "/account").text)
    assert form
    assert https.send("POST", "/logout", csrf_token=form[1]).status_code == 303
    assert len(https.seen) >= 6
    for header in https.seen:
        assert header.startswith("__Host-"), header
        assert flags(header) == {"secure", "httponly", "samesite=lax", "path=/"}, header
    assert {header.split("=")[0] for header in https.seen} == {"__Host-session", "__Host-duet_device"}


def test_s16_a_cookie_of_another_name_is_not_read_there(https_house: Running, https: Https) -> None:
    """A cookie without the prefix, which a page without TLS or another host could set, does not count."""
    https.submit("/login", email=https_house.make_user(new_address()).email, password=PASSWORD)
    value = https.jar["__Host-session"]
    for name, status in (
        ("__Host-session", 200),
        ("session", 303),
        ("__host-session", 303),
        ("__Secure-session", 303),
    ):
        https.jar = {name: value}
        assert https.send("GET", "/account").status_code == status, name


def test_s16_over_http_they_are_marked_as_far_as_that_goes(visit: Visit, email: str) -> None:
    """Over http cookies have HttpOnly, SameSite=Lax, Path=/ and no Domain, but not Secure, as browsers drop
    those."""
    browser = visit()
    seen = set_in(browser.get("/login"))
    token = browser.csrf_token()
    seen += set_in(browser.post("/login", data={"csrf_token": token, "email": email, "password": PASSWORD}))
    seen += set_in(browser.get("/account"))
    seen += set_in(browser.log_out())
    assert {header.split("=")[0] for header in seen} == {"session", "duet_device"}
    for header in seen:
        assert flags(header) == {"httponly", "samesite=lax", "path=/"}, header


def test_s16_the_api_sets_no_cookie(house: Running, call: Call, visit: Visit, email: str) -> None:
    """The API sets no cookie for a program or a page's script, even when the script's token is renewed."""
    client = call(email)
    browser = visit(email)
    age(house, browser)
    script = browser.get("/api/users/me", headers={"Sec-Fetch-Site": "same-origin"})
    assert script.status_code == 200
    for answer in (
        script,
        client.get("/api/users/me"),
        client.refresh(),
        client.log_in(email),
        client.get("/api/x"),
    ):
        assert not set_in(answer)


def test_s16_a_cookie_stays_below_what_browsers_keep(house: Running, visit: Visit, email: str) -> None:
    """The cookie has under 4,096 bytes with the most and longest roles possible, unseen messages and an open
    form."""
    user = house.wait(house.auth.accounts.find(email))
    # The names share as few letters as possible: the cookie is compressed where that helps.
    roles = [random.choice("abcdefgh") + secrets.token_hex(15) + "x" for _ in range(20)]
    house.wait(house.auth.administration.set_roles(user.id, roles, Client("test")))
    browser = visit(email)
    token = browser.csrf_token("/account")
    lengths = []
    for number in range(12):
        answer = browser.post("/account", data={"csrf_token": token, "name": f"Ada {number}"})
        assert answer.status_code == 303
        lengths += [len(header) for header in set_in(answer)]
    assert len(claims_of(token_of(house, browser))["roles"]) == 20
    assert 1500 < max(lengths) < MAX_BYTES
    assert browser.get("/account").status_code == 200


# 18: login and logout


def test_s18_a_log_in_starts_a_new_session(house: Running, visit: Visit, email: str) -> None:
    """No planted cookie, earlier CSRF token or other person's login in this browser survives a login."""
    thief = visit(house.make_user(new_address()).email)
    thief.get("/account")
    planted = thief.cookies["session"]
    victim = visit()
    give_cookie(victim, planted)
    before = read_cookie(house, planted)
    token = victim.csrf_token("/account")
    form = {"csrf_token": token, "email": email, "password": PASSWORD}
    assert victim.post("/login", data=form).status_code == 303
    victim.get("/account")
    after = read_cookie(house, victim.cookies["session"])
    assert after["csrf_token"] != before["csrf_token"]
    assert claims_of(after["access_token"])["sid"] != claims_of(before["access_token"])["sid"]
    assert victim.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code == 400
    copy = visit()
    give_cookie(copy, planted)
    assert copy.get("/account").status_code == 303, "the session that it took the place of has ended"


def test_s18_two_log_ins_are_two_sessions(house: Running, visit: Visit, email: str) -> None:
    """Each login has a new id, a new CSRF token and a new access token, in the same browser and in others."""
    browsers = [visit(email) for _ in range(3)]
    browsers[0].log_out()
    browsers[0].log_in(email)
    for browser in browsers:
        browser.get("/account")
    seen = [read_cookie(house, browser.cookies["session"]) for browser in browsers]
    assert len({claims_of(values["access_token"])["sid"] for values in seen}) == 3
    assert len({values["csrf_token"] for values in seen}) == 3


@pytest.mark.parametrize("is_old", [False, True], ids=["current", "renewed"])
def test_s18_a_copied_cookie_is_dead_after_the_log_out(
    house: Running, visit: Visit, call: Call, email: str, is_old: bool
) -> None:
    """A logout ends the session's cookies and access tokens, old ones too, but no other device's (V7.4.1)."""
    browser, other, program = visit(email), visit(email), call(email)
    browser.get("/account")
    cookies = [browser.cookies["session"]]
    if is_old:
        cookies.append(age(house, browser))
        browser.get("/account")
        cookies.append(browser.cookies["session"])
    tokens = [read_cookie(house, cookie)["access_token"] for cookie in cookies]
    answer = browser.log_out()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "access_token" not in read_cookie(house, browser.cookies["session"])
    assert browser.get("/account").status_code == 303
    for cookie in cookies:
        copy = visit()
        give_cookie(copy, cookie)
        script = copy.get("/api/users/me", headers={"Sec-Fetch-Site": "same-origin"})
        assert script.status_code == 401
        assert copy.get("/account").status_code == 303
    for token in tokens:
        assert call().get("/api/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert other.get("/account").status_code == 200
    assert program.get("/api/users/me").status_code == 200


def test_s18_a_program_s_log_out_ends_both_its_tokens(call: Call, email: str) -> None:
    """Revoking the access or the refresh token ends both; revoking it a second time is no error (RFC 7009)."""
    for which in ("access_token", "refresh_token"):
        client = call(email)
        for _ in range(2):
            assert client.post("/api/auth/revoke", data={"token": getattr(client, which)}).status_code == 200
        assert client.get("/api/users/me").status_code == 401
        assert client.refresh().status_code == 400


# 21: what may be kept


def _path(rule: Any) -> str:
    return re.sub(r"<[^>]*>", "made-up", rule.path)


def test_s21_what_is_behind_a_login_is_kept_by_no_cache(house: Running, visit: Visit) -> None:
    """Every answer of every page, to every caller, has `no-store` and `Vary: Cookie` (CVE-2023-30861)."""
    admin = visit(house.make_user(new_address(), roles=["admin"]).email)
    member, stranger = visit(house.make_user(new_address()).email), visit()
    seen = {}
    for rule in house.app.state.rules:
        if rule.half != "page" or rule.path.startswith(("/static/", "/probe/boom")):
            continue
        for name, browser in {"admin": admin, "member": member, "stranger": stranger}.items():
            for method in ("GET", "HEAD", "POST"):
                answer = browser.request(method, _path(rule))
                seen[name, answer.status_code] = True
                said = "private, no-store" if "Set-Cookie" in answer.headers else "no-store"
                assert answer.headers["Cache-Control"] == said, (name, method, rule.path)
                vary = {part.strip().lower() for part in answer.headers["Vary"].split(",")}
                assert "cookie" in vary, (name, method, rule.path)
    assert {("admin", 200), ("member", 200), ("member", 404), ("stranger", 303), ("stranger", 405)} <= set(seen)
    assert admin.get("/nowhere").headers["Cache-Control"] == "no-store"


def test_s21_what_a_script_reads_is_kept_by_no_cache_either(house: Running, visit: Visit) -> None:
    """The API accepts a page's cookie, so its answers have the same headers, refusals included."""
    browser = visit(house.make_user(new_address(), roles=["admin"]).email)
    for rule in house.app.state.rules:
        if rule.half == "api" and "GET" in rule.methods and not rule.policy.is_public:
            path = re.sub(r"{[^}]*}", "made-up", rule.path)
            for one, headers in ((browser, {"Sec-Fetch-Site": "same-origin"}), (browser, {}), (visit(), {})):
                answer = one.get(path, headers=headers)
                assert answer.headers["Cache-Control"] == "no-store", path
                assert "cookie" in answer.headers["Vary"].lower(), path


def test_s21_static_files_tell_nobody_apart(visit: Visit, email: str) -> None:
    """Static files are the same for everybody: a cache may keep them, and no cookie comes with them."""
    page = visit().get("/login").text
    [path, *_] = re.findall(r'href="(/static/[^"]+\.css[^"]*)"', page)
    answers = [visit().get(path), visit(email).get(path)]
    assert answers[0].content == answers[1].content
    for answer in answers:
        assert answer.status_code == 200
        assert not set_in(answer)


def test_s21_the_way_back_leads_nowhere_after_a_log_out(visit: Visit, email: str) -> None:
    """After a logout no cache shows a page again: it has no validator, and a conditional request gets no 304."""
    browser = visit(email)
    answer = browser.get("/account")
    assert not {"etag", "last-modified", "expires"} & {name.lower() for name in answer.headers}
    headers = {"If-None-Match": "*", "If-Modified-Since": "Wed, 25 Nov 2026 00:00:00 GMT"}
    assert browser.get("/account", headers=headers).status_code == 200
    browser.log_out()
    assert browser.get("/account", headers=headers).status_code == 303
