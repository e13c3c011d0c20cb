"""Items 28 to 30: the layer around both halves, tested on a whole Duet."""

from __future__ import annotations

import itertools
import re
import select
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Call, Visit
from tests.attacks.raw import Answer, bearer, filled, half_open, one, request
from tests.kit.duet import PASSWORD, Running
from tests.kit.live import read_all, status

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


# 28: headers


def assert_dressed(answer: Answer, *, https: bool = False) -> None:
    """Checks that every header that an answer must have is there once, and that none of them opens anything."""
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "same-origin"
    assert answer.header("permissions-policy")
    assert (answer.header("strict-transport-security") != "") == https
    policy = dict(rule.strip().split(" ", 1) for rule in answer.header("content-security-policy").split(";"))
    for name, value in {
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }.items():
        assert policy[name] == value
    assert "script-src" in policy or "default-src" in policy
    assert "unsafe" not in str(policy)
    assert not re.search(r"https?:|\*", str(policy)), "another origin"
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]
    assert not answer.header("server").startswith("uvicorn/")


#: What is refused before any route is reached, and by which layer.
REFUSED = {
    "no page": request("/nothing"),
    "no route": request("/api/nothing"),
    "no file": request("/static/nothing.css"),
    "a method that no page takes": request("/login", method="DELETE"),
    "a method that no route takes": request("/api/users/me", method="PUT"),
    "a method that does not exist": request("/login", method="BREW"),
    "a page that breaks": request("/probe/boom"),
    "a route that breaks": request("/api/probe/boom"),
    "a malformed path": request("/%ff"),
    "a malformed path of the API": request("/api/%ff"),
    "no Host": request("/login", host=None),
    "a form without a token": request("/login", FORM, method="POST", body=b"email=a&password=b"),
    "another origin": request("/login", FORM, "Origin: https://evil.example", method="POST", body=b"a=b"),
    "rubbish of JSON": request("/api/users", JSON, method="POST", body=b"{"),
    "a bad token": request("/api/users/me", bearer("x.y.z")),
    "too large a body": request("/login", FORM, "Content-Length: 99999999", method="POST"),
    "too large a body for the API": request("/api/users", JSON, "Content-Length: 99999999", method="POST"),
    "too large a head": request("/login", "X-A: " + "a" * 40_000),
    "a head without an end": b"GET /login HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 70_000,
    "too long a path": request("/api/" + "a" * 9000),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "two lengths": request("/api/users", "Content-Length: 1", "Content-Length: 2", method="POST"),
    "a preflight": request(
        "/api/users/me",
        "Origin: https://evil.example",
        "Access-Control-Request-Method: PATCH",
        "Access-Control-Request-Headers: authorization",
        method="OPTIONS",
    ),
    "a preflight of a page": request(
        "/login", "Origin: https://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS"
    ),
    "health": request("/healthz"),
    "a file": request("/static/duet.svg"),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_s28_errors_of_every_layer_are_dressed(house: Running, https_house: Running, data: bytes) -> None:
    """Every layer's errors have the headers, with HSTS over https alone, and never a CORS header."""
    assert_dressed(one(house.url, data))
    assert_dressed(one(https_house.url, data), https=True)


def test_s28_every_endpoint_s_answers_are_dressed(house: Running, email: str, call: Call, visit: Visit) -> None:
    """Each row of the table has the headers for each method, for strangers and for an admin on both halves."""
    admin = house.make_user(f"chief.{email}", roles=["admin"]).email
    token, browser = bearer(call(admin).access_token), visit(admin)
    cookies = "Cookie: " + "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    statuses = set()
    for rule in house.app.state.rules:
        for method in {*rule.methods, "OPTIONS", "HEAD"} - {"WEBSOCKET"}:
            for lines in ([], [token, cookies]):
                if method not in ("GET", "HEAD", "OPTIONS") and lines and "me" in rule.path:
                    continue  # it might end the session that the others need
                data = request(filled(rule.path), "Origin: https://evil.example", *lines, method=method)
                answer = one(house.url, data, methods=[method])
                assert_dressed(answer)
                assert answer.status < 500 or answer.body == b"" or "boom" in rule.path, (method, rule.path)
                statuses.add(answer.status)
    assert {200, 303, 401, 403, 404, 405} <= statuses


# 29: caps and deadlines

HALVES = {"page": ("/login", FORM), "api": ("/api/users", JSON)}
on_both = pytest.mark.parametrize(("target", "kind"), HALVES.values(), ids=HALVES.keys())


@on_both
def test_s29_bodies_have_a_cap_before_anything_is_kept(house: Running, target: str, kind: str) -> None:
    """A body of fifty megabytes is refused when it is announced or exceeds the cap, and is never read whole."""
    announced = request(target, kind, "Content-Length: 50000000", method="POST")
    expecting = request(target, kind, "Expect: 100-continue", "Content-Length: 50000000", method="POST")
    for data in (announced, expecting):
        answer = one(house.url, data)
        assert (answer.status, answer.header("connection")) == (413, "close")
    head = request(target, kind, "Transfer-Encoding: chunked", method="POST")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with half_open(house.url, head) as connection:
        sent = 0
        while not select.select([connection], [], [], 0)[0]:
            connection.sendall(chunk)
            sent += len(chunk)
            assert sent < 20_000_000, "the answer waits for all of it"
        assert status(connection.recv(65536)) == 413
    assert one(house.url, head + chunk * 17).status == 413
    assert one(house.url, head + b"fffffffffffffff\r\n" + b"x" * 2_000_000).status in (400, 413)


@on_both
def test_s29_heads_have_a_cap(house: Running, target: str, kind: str) -> None:
    """Too many headers, long headers, a long path and a header without an end are refused."""
    assert one(house.url, request(target, "X-A: " + "a" * 33_000)).status == 431
    assert one(house.url, request(target, *[f"X-{n}: {'a' * 90}" for n in range(400)])).status == 431
    assert one(house.url, request(f"{target}?{'a' * 8200}")).status == 414
    assert one(house.url, f"GET {target} HTTP/1.1\r\nX-A: ".encode() + b"a" * 5_000_000).status == 431
    assert one(house.url, f"GET {target}".encode() + b"/a" * 2_500_000).status in (400, 414, 431)


@on_both
def test_s29_half_sent_requests_are_given_up_and_hold_up_nobody(hasty: Running, target: str, kind: str) -> None:
    """Both halves answer others while sixty bodies and heads stall, and each of these gets its 408."""
    body = request(target, kind, "Content-Length: 100", method="POST") + b"email="
    chunked = request(target, kind, "Transfer-Encoding: chunked", method="POST") + b"5\r\nem"
    head = f"POST {target} HTTP/1.1\r\nHost: a\r\nX-A: b".encode()
    with ExitStack() as opened, httpx.Client(base_url=hasty.url, verify=False, timeout=10) as other:
        waiting = [opened.enter_context(half_open(hasty.url, data)) for data in (body, chunked, head) * 20]
        for path, expected in (("/login", 200), ("/api/users/me", 401), ("/healthz", 200)):
            assert other.get(path).status_code == expected
        assert {status(read_all(connection)) for connection in waiting} == {408}


def test_s29_a_body_that_trickles_is_given_up_on_both(hasty: Running) -> None:
    """A body that sends a byte now and then gains no time on either half."""
    heads = [request(target, kind, "Content-Length: 5000", method="POST") for target, kind in HALVES.values()]
    with ExitStack() as opened:
        waiting = [opened.enter_context(half_open(hasty.url, head)) for head in heads]
        ends = time.monotonic() + 60
        for connection in waiting:
            connection.setblocking(False)
        while waiting and time.monotonic() < ends:
            for connection in [*waiting]:
                try:
                    connection.send(b"x")
                    answer = connection.recv(65536)
                except BlockingIOError:
                    continue
                assert status(answer) == 408
                waiting.remove(connection)
            time.sleep(0.05)
        assert not waiting


# 30: well-formed requests


def seen(answer: Answer) -> dict[str, Any]:
    """What a probe saw."""
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


PROBES = ("/probe", "/api/probe")
on_probes = pytest.mark.parametrize("target", PROBES)


@on_probes
def test_s30_there_is_exactly_one_well_formed_host(house: Running, target: str) -> None:
    """A missing, doubled or malformed host is a 400 on both halves, and both see a good one as it is."""
    for host in ("duet.example", "DUET.example:8000", "[::1]:80", "127.0.0.1"):
        assert seen(one(house.url, request(target, host=host)))["host"] == host
    lines: Iterable[tuple[str, ...]] = [(), ("Host: a", "Host: a"), ("Host: a", "Host: b"), ("Host: a", "host: a")]
    bad = [
        "",
        " ",
        "user@a",
        "user:secret@a",
        "a/b",
        "a b",
        "a:99999",
        "a:-1",
        "[::1",
        "a,b",
        "a\t",
        "<a>",
        "a_b'",
        "\xe9",
    ]
    for wrong in (*lines, *((f"Host: {host}",) for host in bad if host.strip("\t") == host or "\t" not in host)):
        assert one(house.url, request(target, *wrong, host=None)).status == 400, wrong
    old = request(target, host=None).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert one(house.url, old).status == 400


@on_probes
def test_s30_names_with_underscores_reach_neither_half(house: Running, target: str) -> None:
    """Header names with underscores are dropped, as WSGI's environ would confuse them with hyphenated ones."""
    lies = ("X_Forwarded_For: 6.6.6.6", "X_Forwarded_Proto: https", "Content_Length: 5", "Content_Type: text/x")
    answer = seen(one(house.url, request(target, *lies, "X-CSRF_Token: t", "Sec_Fetch_Site: same-origin")))
    assert not [name for name, _ in answer["headers"] if "_" in name]
    assert "6.6.6.6" not in str(answer)
    assert "text/x" not in str(answer)
    assert (answer["client"], answer["scheme"]) == ("127.0.0.1", "http")


def test_s30_both_halves_see_the_same_request(house: Running) -> None:
    """A page and a route read several Cookie headers, repeated names and odd characters in the same way."""
    for cookies in (
        ["a=1", "b=2; c=3"],
        ["a=1; a=2"],
        ["a=1", "a=2"],
        ['a="x y"; b=1'],
        ["a=1;b=2;;c"],
        [" a = 1 ; b=2 "],
    ):
        lines = [f"Cookie: {value}" for value in cookies]
        page, route = (seen(one(house.url, request(target, *lines))) for target in PROBES)
        assert page["cookies"].get("a") == route["cookies"].get("a")
        assert page["cookies"].get("b") == route["cookies"].get("b")
        assert page["cookies"]["a"].strip('"') in ("1", "x y")
    for lines in (["Accept: a", "Accept: b"], ["X-A: 1", "X-A: 2"], ["X-A: "], ["X-Latin: \xe9"]):
        page, route = (seen(one(house.url, request(target, *lines))) for target in PROBES)
        names = {line.split(":")[0].lower() for line in lines}
        read = [
            {name: [value for key, value in half["headers"] if key == name] for name in names}
            for half in (page, route)
        ]
        assert [",".join(values) for values in read[0].values()] == [
            ",".join(values) for values in read[1].values()
        ]


def test_s30_a_login_survives_several_cookie_headers_and_not_a_second_session(
    house: Running, email: str, visit: Visit
) -> None:
    """A proxy may split a browser's cookies. Of two sessions one may have been planted, so neither counts."""
    browser, other = visit(email), visit(house.make_user(f"eve.{email}").email)
    session, planted = browser.cookies["session"], other.cookies["session"]
    split = request("/account", "Cookie: a=1", f"Cookie: session={session}", "Cookie: b=2")
    assert one(house.url, split).status == 200
    for first, second in itertools.permutations((session, planted)):
        for lines in (
            [f"Cookie: session={first}; session={second}"],
            [f"Cookie: session={value}" for value in (first, second)],
        ):
            assert one(house.url, request("/account", *lines)).status in (303, 401)
            for target in PROBES:
                assert seen(one(house.url, request(target, *lines)))["user"] is None


def test_s30_a_chunked_form_is_read(house: Running, email: str, visit: Visit) -> None:
    """A login form without a length works like any other, and its CSRF token is checked."""
    browser = visit()
    token = browser.csrf_token()
    cookie = f"Cookie: session={browser.cookies['session']}"

    def send(csrf_token: str) -> int:
        body = httpx.QueryParams({"csrf_token": csrf_token, "email": email, "password": PASSWORD})
        pieces = [str(body).encode()[at : at + 40] for at in range(0, len(str(body)), 40)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        head = request("/login", FORM, cookie, "Transfer-Encoding: chunked", method="POST")
        return one(house.url, head + chunks).status

    assert send(token) == 303
    assert send(token[:-1]) == 400
