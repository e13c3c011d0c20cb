"""Pages of other sites can make somebody's browser do nothing here (security.md, items 17 and 20)."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Call, Visit, new_address
from tests.kit.cookies import token_of
from tests.kit.duet import PASSWORD, Browser, Running

#: What a browser sends when another site's page submits a form, and what proxies and attackers may make of it.
FOREIGN: list[list[tuple[str, str]]] = [
    [("Origin", "https://evil.example")],
    [("Origin", "null")],
    [("Origin", "")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://127.0.0.1:8000")],
    [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")],
    [("Origin", "https://127.0.0.1:8000")],
    [("Origin", "http://127.0.0.1")],
    [("Origin", "http://127.0.0.1:1")],
    [("Origin", "http://localhost:8000")],
    [("Origin", "http://127.0.0.1:8000.evil.example")],
    [("Origin", "http://127.0.0.1:8000@evil.example")],
    [("Origin", "http://evil.example/http://127.0.0.1:8000")],
    [("Origin", "http://127.0.0.1:8000"), ("Origin", "https://evil.example")],
    [("Origin", "https://evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")],
    [("Origin", "https://evil.example"), ("Forwarded", "host=evil.example;proto=https")],
    [("Origin", "https://evil.example"), ("Referer", "http://127.0.0.1:8000/account")],
]


def path_of(rule: Any) -> str:
    """The address of a rule, with made-up values for its variables."""
    return re.sub(r"<[^>]*>|{[^}]*}", "made-up", rule.path)


def forms(duet: Running) -> list[str]:
    """The addresses that take a form."""
    return [path_of(rule) for rule in duet.app.state.rules if rule.half == "page" and "POST" in rule.methods]


# 17: forms


def test_s17_every_form_needs_a_token(house: Running, visit: Visit) -> None:
    """Every address that takes a form answers 400 if the token is missing or wrong, no matter who sends it."""
    admin = visit(house.make_user(new_address(), roles=["admin"]).email)
    stranger = visit()
    stranger.get("/login")
    paths = forms(house)
    assert len(paths) > 20
    for path in paths:
        public = [rule for rule in house.app.state.rules if path_of(rule) == path and rule.policy.is_public]
        for extra in ({}, {"csrf_token": ""}, {"csrf_token": "rubbish"}, {"csrf_token": "\ud7ff\0"}):
            fields = {"email": "new@example.com", "password": PASSWORD, "name": "Eve", **extra}
            answer = admin.post(path, data=fields)
            assert answer.status_code == 400, path
            assert "This form is out of date" in answer.text
            if public:
                assert stranger.post(path, data=fields).status_code == 400, path
    assert admin.get("/account").status_code == 200, "the log-out was among them"


def test_s17_a_token_is_bound_to_its_session(house: Running, visit: Visit, email: str) -> None:
    """A form's token fails for another person, another stranger, and the same person after the login."""
    ada, bob = visit(email), visit(house.make_user(new_address()).email)
    tokens = {"Bob's": bob.csrf_token("/account"), "a stranger's": visit().csrf_token("/login")}
    early = visit()
    tokens["one of before the log-in"] = early.csrf_token()
    early.log_in(email)
    for name, token in tokens.items():
        assert ada.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code == 400, name
        if name != "Bob's":
            assert early.post("/account", data={"csrf_token": token, "name": "Eve"}).status_code == 400, name
    own = ada.csrf_token("/account")
    ada.log_out()
    ada.log_in(email)
    assert ada.post("/account", data={"csrf_token": own, "name": "Eve"}).status_code == 400
    assert 'value="Ada"' in ada.get("/account").text
    assert bob.post("/account", data={"csrf_token": tokens["Bob's"], "name": "Bob"}).status_code == 303


def test_s17_nobody_is_logged_in_by_another_site_s_form(visit: Visit, email: str) -> None:
    """The login form has its own token, bound to the browser that loaded its page (login CSRF)."""
    thief, victim = visit(), visit()
    form = {"csrf_token": thief.csrf_token(), "email": email, "password": PASSWORD}
    assert victim.post("/login", data=form).status_code == 400
    victim.get("/login")
    assert victim.post("/login", data=form).status_code == 400
    assert victim.get("/account").status_code == 303
    assert thief.post("/login", data=form).status_code == 303


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_s17_another_site_s_form_is_refused(visit: Visit, email: str, headers: list[tuple[str, str]]) -> None:
    """A form with a foreign or `null` Origin, or from a cross-site fetch, is refused even with the right token."""
    browser, login = visit(email), visit()
    token, form = browser.csrf_token("/account"), {"email": email, "password": PASSWORD}
    form["csrf_token"] = login.csrf_token()
    for one, path, fields in (
        (browser, "/account", {"csrf_token": token, "name": "Eve"}),
        (browser, "/logout", {"csrf_token": token}),
        (browser, "/account/sessions/end-others", {"csrf_token": token}),
        (login, "/login", form),
    ):
        answer = one.post(path, data=fields, headers=headers)
        assert answer.status_code == 403, path
        assert "This request came from another site." in answer.text
    assert 'value="Ada"' in browser.get("/account").text
    assert login.get("/account").status_code == 303


def test_s17_one_s_own_forms_are_taken(house: Running, visit: Visit, email: str) -> None:
    """Forms are taken from this request's own address, from PUBLIC_URL, and from programs that send no origin."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    for headers in (
        {},
        {"Origin": house.url},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
    ):
        form = {"csrf_token": token, "name": "Ada"}
        assert browser.post("/account", data=form, headers=headers).status_code == 303, headers


def test_s17_behind_a_proxy_the_public_origin_is_the_own_one(https_house: Running) -> None:
    """The own origin is what the trusted proxy says, https://duet.example, not http or the inner address."""
    email = https_house.make_user(new_address()).email
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "duet.example"}
    with Browser(https_house.url, verify=False, headers=proxied) as browser:
        page = browser.get("/login")
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert found
        cookie = page.headers["Set-Cookie"].split(";")[0]
        form = {"csrf_token": found[1], "email": email, "password": PASSWORD}
        for origin, expected in (
            ("http://duet.example", 403),
            (https_house.url, 403),
            ("https://duet.example.evil.example", 403),
            ("https://duet.example:444", 403),
            ("https://duet.example", 303),
        ):
            answer = browser.post("/login", data=form, headers={"Origin": origin, "Cookie": cookie})
            assert answer.status_code == expected, origin


def test_s17_a_get_changes_nothing(house: Running, visit: Visit, email: str) -> None:
    """A logout is a POST, and no address that takes a form takes it by GET, not even with its token."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    others = len(house.wait(house.auth.sessions.of(_principal(house, browser))))
    fields = {"csrf_token": token, "name": "Eve", "password": PASSWORD, "current_password": PASSWORD}
    fields |= {"new_password": PASSWORD + " 2", "email": new_address(), "expires_in_days": "30"}
    for path in forms(house):
        for method in ("GET", "HEAD"):
            answer = browser.request(method, path, params=fields)
            assert answer.status_code in (200, 303, 400, 404, 405), (path, answer.status_code)
    logout = browser.get("/logout", params=fields)
    assert (logout.status_code, set(re.split(r", *", logout.headers["Allow"]))) == (405, {"OPTIONS", "POST"})
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        assert browser.request(method, "/account", params=fields).status_code in (405, 501)
    assert browser.post("/account", params=fields, data={}).status_code == 400, "a token in the address is none"
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert browser.get("/logout", params=fields, headers={header: "POST"}).status_code == 405
    assert 'value="Ada"' in browser.get("/account").text
    assert len(house.wait(house.auth.sessions.of(_principal(house, browser)))) == others
    assert house.wait(house.auth.personal_tokens.of(_principal(house, browser))) == []


def _principal(house: Running, browser: Browser) -> Any:
    return house.auth.sessions.authenticate(token_of(house, browser))


# 20: the cookie on the API

OWN = ("Origin", "http://127.0.0.1:8000")
SAME = ("Sec-Fetch-Site", "same-origin")


def writes(duet: Running) -> list[tuple[str, str]]:
    """Every call of the API that changes something and needs a login."""
    return [
        (method, path_of(rule))
        for rule in duet.app.state.rules
        if rule.half == "api" and not rule.policy.is_public
        for method in rule.methods
        if method not in ("GET", "HEAD")
    ]


def unproven(token: str, other: str) -> list[list[tuple[str, str]]]:
    """Headers that prove nothing: parts of a proof, and proofs of something else."""
    mine, theirs = ("X-CSRFToken", token), ("X-CSRFToken", other)
    return [
        [],
        [SAME],
        [OWN],
        [SAME, OWN],
        [mine],
        [("X-CSRFToken", "")],
        [SAME, OWN, theirs],
        [SAME, OWN, ("X-CSRFToken", "rubbish")],
        [SAME, OWN, ("X-CSRFToken", "")],
        [SAME, OWN, mine, mine],
        [SAME, OWN, mine, ("X-CSRF-Token", other)],
        [("Sec-Fetch-Site", "cross-site"), mine],
        [("Sec-Fetch-Site", "same-site"), mine],
        [("Sec-Fetch-Site", "none"), mine],
        [("Sec-Fetch-Site", "Same-Origin"), ("Origin", "null"), mine],
        [SAME, ("Sec-Fetch-Site", "cross-site"), mine],
        [SAME, ("Origin", "https://evil.example"), mine],
        [("Origin", "https://evil.example"), mine],
        [("Origin", "null"), mine],
        [("Origin", "http://localhost:8000"), mine],
        [("Origin", "https://127.0.0.1:8000"), mine],
        [OWN, ("Origin", "https://evil.example"), mine],
        [("Referer", "http://127.0.0.1:8000/account"), mine],
        [("X-Requested-With", "XMLHttpRequest"), ("Referer", "http://127.0.0.1:8000/")],
    ]


def test_s20_a_cookie_alone_authorises_no_write(house: Running, visit: Visit) -> None:
    """Every call that changes something is refused without a complete proof, before its body is read."""
    admin = visit(house.make_user(new_address(), roles=["admin"]).email)
    other = visit(house.make_user(new_address()).email).csrf_token("/account")
    token = admin.csrf_token("/account")
    calls = writes(house)
    assert len(calls) > 12
    for method, path in calls:
        for headers in unproven(token, other):
            answer = admin.request(method, path, headers=headers, content=b"{")
            assert answer.status_code in (401, 403), (method, path, headers)
            body = answer.json()
            told = body.get("code") or body.get("error")
            assert told in ("token_missing", "same_origin_unproven", "invalid_token", "invalid_request"), (
                path,
                body,
            )
    assert admin.get("/account").status_code == 200


def test_s20_a_script_of_this_site_may_write(house: Running, visit: Visit, email: str) -> None:
    """A script that has the proof may write, so the refusals above are for the lack of it alone."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    for headers in (
        [SAME, ("X-CSRFToken", token)],
        [OWN, ("X-CSRF-Token", token)],
        [SAME, OWN, ("X-CSRFToken", token)],
    ):
        name = f"Ada {len(headers)}"
        answer = browser.patch("/api/users/me", json={"name": name}, headers=headers)
        assert (answer.status_code, answer.json()["name"]) == (200, name)
    browser.log_out()
    late = browser.patch("/api/users/me", json={"name": "Eve"}, headers=[SAME, OWN, ("X-CSRFToken", token)])
    assert late.status_code in (401, 403)


def test_s20_another_site_s_page_reads_nothing(house: Running, visit: Visit, email: str) -> None:
    """A request from another site's page has no caller, and its script can't read the answer (no CORS)."""
    browser = visit(email)
    for headers in [*FOREIGN[:-1], [("Sec-Fetch-Site", "same-site")]]:
        answer = browser.get("/api/users/me", headers=headers)
        assert answer.status_code == 401, headers
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    wanted = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
    preflight = browser.options("/api/users/me", headers=wanted)
    assert not [name for name in preflight.headers if name.lower().startswith("access-control-")]
    assert browser.get("/api/users/me", headers=[SAME]).status_code == 200


def test_s20_a_cookie_is_no_fallback_for_a_bad_token(visit: Visit, call: Call, email: str) -> None:
    """The API ignores a cookie beside an Authorization of any kind, even when the full proof is there."""
    browser = visit(email)
    proof = [SAME, OWN, ("X-CSRFToken", browser.csrf_token("/account"))]
    for value in ("Bearer x.y.z", "Bearer", "Basic eDp5", "Negotiate x", "", "x"):
        headers = [*proof, ("Authorization", value)]
        assert browser.get("/api/users/me", headers=headers).status_code == 401, value
        assert browser.patch("/api/users/me", json={"name": "Eve"}, headers=headers).status_code == 401, value
    other: httpx.Response = browser.get(
        "/api/users/me", headers={"Authorization": f"Bearer {call(email).access_token}"}
    )
    assert other.status_code == 200


def test_s20_public_calls_do_nothing_in_the_name_of_a_cookie(visit: Visit, house: Running, email: str) -> None:
    """A call that is open to everybody has no caller if only a cookie names one."""
    browser = visit(email)
    for headers in ([], [("Sec-Fetch-Site", "cross-site")], [SAME]):
        answer = browser.post("/api/probe", headers=headers)
        assert (answer.status_code, answer.json()["user"]) == (200, None), headers
    proof = [SAME, ("X-CSRFToken", browser.csrf_token("/account"))]
    assert browser.post("/api/probe", headers=proof).json()["user"]
