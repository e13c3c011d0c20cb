"""Header fields that no browser sends, on both halves of a Duet: nothing breaks, and nobody gains rights."""

from __future__ import annotations

import pytest

from tests.attacks.raw import ask, bearer, one, request
from tests.attacks.victim import Victim
from tests.kit.duet import Running

HEADS: dict[str, tuple[str | bytes, ...]] = {
    "a NUL in a value": ("X-A: a\0b",),
    "a NUL in a name": ("X\0A: b",),
    "control bytes in a value": ("X-A: a\x01\x08\x1f\x7fb",),
    "control bytes in a name": ("X\x01A: b",),
    "a folded line": ("X-A: b\r\n c",),
    "a folded line first": (" X-A: b",),
    "a bare feed": ("X-A: b\nX-Forwarded-For: 6.6.6.6",),
    "a bare return": ("X-A: b\rX-Forwarded-For: 6.6.6.6",),
    "no colon": ("X-A",),
    "no name": (": b",),
    "a blank before the colon": ("Cookie : a=b",),
    "a blank in a name": ("X A: b",),
    "a name in quotes": ('"Cookie": a=b',),
    "a name above ASCII": (b"X-\xc3\xa9: b",),
    "a value above ASCII": (b"X-A: \xff\xfe\xc3\xa9",),
    "a User-Agent above ASCII": (b"User-Agent: \xff\x80\xc3\xa9",),
    "an Accept-Language of odd parts": ("Accept-Language: ,;q=;*;q=9e999,;;", "Accept: ;;,*/*;q=nan"),
    "an If-None-Match of rubbish": ('If-None-Match: W/"', "If-Modified-Since: yesterday", "Range: bytes=9-1,-"),
    "a Range of many parts": ("Range: bytes=" + ",".join(f"{n}-{n}" for n in range(500)),),
    "two types": ("Content-Type: application/json", "Content-Type: text/html"),
    "a type of rubbish": ("Content-Type: ;=;charset=\xff;boundary=",),
    "a charset that is none": ("Content-Type: application/x-www-form-urlencoded; charset=utf-7",),
    "a compressed body": ("Content-Encoding: gzip",),
    "a method in a header": ("X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: PUT"),
    "a path in a header": ("X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Forwarded-Prefix: /api"),
    "a script name": ("X-Script-Name: /api", "Script-Name: /api", "Path-Info: /admin"),
    "environment variables": (
        "REMOTE_USER: admin",
        "Remote-User: admin",
        "X-Remote-User: admin",
        "Proxy: http://evil",
    ),
    "a basic login": ("Authorization: Basic YWRtaW46YWRtaW4=",),
    "a digest of nothing": ("Authorization: Digest",),
    "an authorization of blanks": ("Authorization:      ",),
    "a referer of rubbish": ("Referer: http://[", "Origin: http://["),
    "an Expect of something": ("Expect: the-unexpected",),
    "a Connection that drops the login": ("Connection: Authorization, Cookie, Host",),
    "an Upgrade to WebSocket": ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "an Upgrade to h2c": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    "thousands of lines": tuple(f"X-{n}: y" for n in range(3000)),
    "a name without an end": ("X" * 30_000 + ": y",),
}


@pytest.mark.parametrize("shape", HEADS)
def test_odd_headers_break_nothing(victim: Victim, shape: str) -> None:
    """Odd headers to pages, forms, files and routes cause no 5xx, grant no rights and do not change the peer."""
    for target, method, body in (
        ("/probe", "GET", b""),
        ("/api/probe", "GET", b""),
        ("/login", "POST", b"email=a&password=b"),
        ("/api/auth/token", "POST", b"grant_type=password&username=a&password=b"),
        ("/api/users", "POST", b'{"email": "a"}'),
        ("/static/duet.svg", "GET", b""),
        ("/admin", "GET", b""),
        ("/api/admin/users", "GET", b""),
    ):
        data = request(target, *HEADS[shape], method=method, body=body)
        found = ask(victim.duet.url, data)
        assert len(found) == 1, (target, found)
        assert found[0].status < 500, (target, found)
        assert found[0].header("x-content-type-options") == "nosniff"
        if "admin" in target:
            assert found[0].status in (303, 400, 401, 403, 431), (target, found)
        if found[0].status == 200 and "probe" in target:
            seen = found[0].json()
            assert (seen["user"], seen["client"], seen["half"]) == (
                None,
                "127.0.0.1",
                "api" if "api" in target else "page",
            )


def test_two_credentials_are_none(victim: Victim) -> None:
    """Two Authorization lines, equal or not, or two session cookies, in whatever form, authenticate nobody."""
    duet, token, cookie = victim.duet, bearer(victim.token), f"Cookie: {victim.cookie}"
    assert one(duet.url, request("/api/users/me", token)).status == 200
    assert one(duet.url, request("/account", cookie)).status == 200
    for lines in (
        (token, token),
        (token, "Authorization: Bearer x"),
        ("Authorization: Bearer x", token),
        (token.replace("Authorization", "authorization"), token),
        (f"{token}, Bearer x",),
        (f"{token} x",),
        (f"{token},{victim.token}",),
        (token.replace("Bearer ", "Bearer\t"),),
        (token.replace("Bearer ", "Bearer"),),
        (token.replace("Bearer", "Token"),),
        (token.replace("Authorization", "Authorization_"),),
        (token.replace("Authorization", "X-Authorization"),),
        (token.replace("Authorization", "Proxy-Authorization"),),
    ):
        assert one(duet.url, request("/api/users/me", *lines)).status == 401, lines
    for lines in (
        (cookie, cookie),
        (cookie, "Cookie: session=x"),
        ("Cookie: session=x", cookie),
        (f"{cookie}; session=x",),
        (f"Cookie: session=x; {victim.cookie}",),
        (f"Cookie: session; {victim.cookie}",),
        (cookie.replace("session=", "session =") + f"; {victim.cookie}",),
        (cookie.replace("session=", "SESSION="),),
        (cookie.replace("session=", "$session="),),
        (cookie.replace("Cookie", "Cookie2"),),
        (cookie.replace("Cookie", "X_Cookie"),),
    ):
        assert one(duet.url, request("/account", *lines)).status in (303, 400), lines


@pytest.mark.parametrize("target", ["/probe", "/api/probe", "/static/duet.svg", "/healthz", "/nothing"])
def test_odd_hosts_are_refused_everywhere(house: Running, target: str) -> None:
    """Odd hosts are refused even where the host does not matter: for files, health checks and errors."""
    for host in (
        "user@127.0.0.1",
        "127.0.0.1:99999",
        "a b",
        "evil.example/x",
        "a\\b",
        "[::1]x",
        "127.0.0.1,evil",
        "a%2eb",
    ):
        assert one(house.url, request(target, host=host)).status == 400, host
    for lines in (
        (),
        ("Host: a", "Host: b"),
        ("Host: a", "host: a"),
        ("Host:", "Host: a"),
        ("X_Host: a",),
        ("Ho\\st: a",),
    ):
        assert one(house.url, request(target, *lines, host=None)).status == 400, lines
