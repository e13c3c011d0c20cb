"""Request lines that no browser sends, to a whole Duet: one policy for every spelling of a path, and no 5xx."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.conftest import new_address
from tests.attacks.raw import Answer, ask, one, request
from tests.attacks.victim import Victim, signed_in
from tests.kit.duet import Running


def check(found: list[Answer], data: bytes) -> None:
    """Checks that nothing broke, and that no answer holds anybody's data."""
    for answer in found:
        assert answer.status < 500, (answer, data[:200])
        assert answer.header("x-content-type-options") == "nosniff", data[:200]


# Targets: every spelling meets the same rule

#: Spellings of a path. Each means that path, or nothing.
SPELLINGS = (
    "{}",
    "/{}",
    "//{}",
    "{}/",
    "{}//",
    "{};",
    "{};a=b",
    "{}/.",
    "{}/..;/",
    "/.{}",
    "/x/..{}",
    "/x/%2e%2e{}",
    "/..{}",
    "/%2e{}",
    "/api/..{}",
    "/api/%2e%2e{}",
    "/api;{}",
    "/api/;{}",
    "/static/..{}",
    "/static/%2e%2e{}",
    "/static/..%2f..{}",
    "/healthz/..{}",
    "/login/..{}",
    "/login/%2e%2e%2f{}",
    "{}%20",
    "{}%09",
    "{}%00",
    "{}%0d%0a",
    "{}%23",
    "{}%3f",
    "{}?",
    "{}?next=/",
    "{}#",
    "{}\\",
    "\\{}",
    "/\\{}",
    "{}%5c",
    "%2f{}",
    "/%2f{}",
    "{}%2f",
    "{}.json",
    "{}.",
    "{}~",
    "{}*",
    "http://127.0.0.1{}",
    "HTTP://127.0.0.1{}",
    "//127.0.0.1{}",
    "http:{}",
    "https://127.0.0.1{}",
    "127.0.0.1{}",
)


def other_spellings(path: str) -> Iterator[str]:
    """The same path with one character encoded, in capitals, doubled, or in other widths."""
    first, last = path[1], path[-1]
    yield path.replace(first, f"%{ord(first):02x}", 1)
    yield path.replace(first, f"%{ord(first):02X}", 1)
    yield path.replace(first, f"%25{ord(first):02x}", 1)
    yield path[:-1] + f"%{ord(last):02x}"
    yield path.replace("/", "%2f")
    yield path.replace("/", "/%2e/")
    yield path.replace("/", "//")
    yield path.upper()
    yield path.title()
    yield "".join(chr(ord(char) + 0xFEE0) for char in path).encode().decode("latin-1")
    yield path.replace("a", "%c1%a1")
    yield path.replace("/", "%c0%af")
    yield path.replace("/", "/\u2215").encode().decode("latin-1")


GUARDED = ("/admin", "/admin/users", "/account", "/api/admin/users", "/api/users/me", "/api/admin/audit.csv")


@pytest.mark.parametrize("path", GUARDED)
def test_no_spelling_of_a_path_goes_past_the_policy(victim: Victim, path: str) -> None:
    """No spelling of a path gives a stranger anything, or more than the plain path to one without the role."""
    for spelling in (*(form.format(path) for form in SPELLINGS), *other_spellings(path)):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            data = request(spelling, method=method)
            found = ask(victim.duet.url, data, methods=[method])
            check(found, data)
            for answer in found:
                assert answer.status != 200 or method == "OPTIONS" or _is_public(answer, method), (
                    spelling,
                    answer,
                )
        data = request(spelling, *victim.both)
        for answer in ask(victim.duet.url, data):
            assert answer.status < 500, spelling
            if "admin" in path:
                assert answer.status in (303, 400, 401, 403, 404, 405, 414), (spelling, answer)


def _is_public(answer: Answer, method: str) -> bool:
    """Whether it is the public page to which some spellings really lead, such as `/login/..;/admin`."""
    return method == "HEAD" or "<title>Log in" in answer.text


@pytest.mark.parametrize("path", ["/probe", "/api/probe"])
def test_a_spelling_belongs_to_one_half(victim: Victim, path: str) -> None:
    """The API never takes a cookie because a page was meant, and a page never takes a bearer token."""
    for target in (*(form.format(path) for form in SPELLINGS), *other_spellings(path)):
        for line, half in ((victim.both[0], "api"), (victim.both[1], "page")):
            for answer in ask(victim.duet.url, request(target, line, method="POST", body=b"a=b")):
                assert answer.status < 500, target
                if answer.status == 200:
                    seen = answer.json()
                    assert seen["user"] is None or seen["half"] == half, (target, half, seen)


TARGETS = {
    "asterisk": request("*"),
    "asterisk, POST": request("*", method="POST"),
    "asterisk and a query, OPTIONS": request("*?a", method="OPTIONS"),
    "authority": request("127.0.0.1:80"),
    "CONNECT": request("127.0.0.1:80", method="CONNECT"),
    "CONNECT a path": request("/admin", method="CONNECT"),
    "TRACE": request("/account", "X-Secret: told-to-nobody", method="TRACE"),
    "TRACK": request("/account", method="TRACK"),
    "another host": request("http://evil.example/api/users/me"),
    "another scheme and host": request("ftp://evil.example/api/users/me"),
    "a scheme without a host": request("file:///etc/passwd"),
    "user information": request("http://ada:secret@127.0.0.1/login"),
    "a query alone": request("?next=/"),
    "nothing": request(""),
    "a blank in it": request("/login /admin"),
    "a tab in it": request("/login\t/admin"),
    "a NUL in it": request("/login\0/admin"),
    "bytes above ASCII": request("/\xe9\xff"),
    "no version": b"GET /admin\r\n\r\n",
    "HTTP/0.9": b"GET /admin HTTP/0.9\r\nHost: 127.0.0.1\r\n\r\n",
    "HTTP/1.2": b"GET /admin HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n",
    "HTTP/2": b"GET /admin HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "HTTP/3": b"GET /admin HTTP/3\r\nHost: 127.0.0.1\r\n\r\n",
    "a lower case version": b"GET /admin http/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a lower case method": b"get /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "another protocol's": b"GET /admin ICE/1.0\r\nHost: 127.0.0.1\r\n\r\n",
    "SOURCE": b"SOURCE /admin ICE/1.0\r\n\r\n",
    "RTSP's OPTIONS": b"OPTIONS /admin RTSP/1.0\r\nHost: 127.0.0.1\r\nCSeq: 2\r\n\r\n",
    "RTSP": b"DESCRIBE rtsp://127.0.0.1/admin RTSP/1.0\r\nCSeq: 2\r\n\r\n",
    "a blank first": b" GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "blanks between": b"GET  /admin  HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "bare feeds": b"GET /admin HTTP/1.1\nHost: 127.0.0.1\n\n",
    "bare returns": b"GET /admin HTTP/1.1\rHost: 127.0.0.1\r\r",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "SMTP": b"EHLO evil.example\r\nMAIL FROM:<a@b>\r\n\r\n",
    "a PROXY line": b"PROXY TCP4 6.6.6.6 127.0.0.1 1 80\r\n" + request("/admin"),
}


def test_options_of_the_server_are_answered_with_nothing(house: Running) -> None:
    """`OPTIONS *` is a 204 (RFC 9112 §3.2.4) with the headers of every answer, and needs a Host."""
    answer = one(house.url, request("*", method="OPTIONS"))
    assert (answer.status, answer.body, answer.header("content-length")) == (204, b"", "")
    assert answer.header("x-content-type-options") == "nosniff"
    assert one(house.url, request("*", method="OPTIONS", host=None)).status == 400
    assert one(house.url, b"OPTIONS * HTTP/1.0\r\n\r\n").status == 204


#: Some of these get an answer that is not a 400: what they ask for is legal, and leads to a 3xx, 4xx or the like.
LEGAL = {
    "TRACE",
    "TRACK",
    "a query alone",
    "user information",
    "a lower case method",
    "blanks between",
    "a blank first",
}


@pytest.fixture(scope="module")
def hurried(hasty: Running) -> Iterator[Victim]:
    """Somebody who is logged in on a Duet where every request must be complete soon."""
    with signed_in(hasty, new_address()) as one:
        yield one


@pytest.mark.parametrize("shape", TARGETS)
def test_odd_request_lines_lead_nowhere(hurried: Victim, shape: str) -> None:
    """An odd request line gets a 400 or the like, with or without a login, and the answer repeats none of it."""
    data = TARGETS[shape]
    shown = "\r\n".join(hurried.both).encode()
    for variant in (data, data.replace(b"\r\nConnection", b"\r\n" + shown + b"\r\nConnection")):
        answer = one(hurried.duet.url, variant)
        assert answer.status in ((303, 400, 404, 405) if shape in LEGAL else (400, 408)), (shape, answer)
        for secret in ("told-to-nobody", hurried.token, hurried.email):
            assert secret not in answer.text
