"""Bytes that no browser sends, to a whole Duet: no 5xx, no second reading, and one policy for every spelling.

What the protocol and the edge refuse by themselves is listed in `tests/serving/test_protocol.py` and
`tests/edge/test_edge.py`; here somebody attacks both halves at once, with a login that is worth stealing.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import pytest

from tests.attacks.raw import answers, ask, bearer, half_open, one, request
from tests.attacks.victim import Victim
from tests.kit.duet import PASSWORD, Running
from tests.kit.live import connect, read_all, talk

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


# Smuggling: a request within another's body that must not be read as one


#: The hidden request: if it were read, the next caller on the connection would get somebody else's answer.
HIDDEN = b"GET /api/probe?smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_END = b"0\r\n\r\n"


def _framed(*framing: bytes, body: bytes = b"", first: bytes = b"POST %b HTTP/1.1\r\n") -> bytes:
    return first + b"Host: 127.0.0.1\r\nContent-Type: text/plain\r\n" + b"".join(framing) + b"\r\n" + body


#: Framing that two readers may read differently. The hidden request follows each body.
SMUGGLING = {
    "CL.TE": _framed(b"Content-Length: 6\r\n", _CHUNKED, body=_END + b"G"),
    "TE.CL": _framed(_CHUNKED, b"Content-Length: 4\r\n", body=b"5c\r\n" + HIDDEN),
    "CL.0": _framed(b"Content-Length: 0\r\nContent-Length: 40\r\n"),
    "CL.CL": _framed(b"Content-Length: 5\r\nContent-Length: 50\r\n", body=b"hello"),
    "CL list": _framed(b"Content-Length: 5, 50\r\n", body=b"hello"),
    "CL alike": _framed(b"Content-Length: 5\r\nContent-Length: 5\r\n", body=b"hello"),
    "CL plus": _framed(b"Content-Length: +5\r\n", body=b"hello"),
    "CL hex": _framed(b"Content-Length: 0x5\r\n", body=b"hello"),
    "CL octal": _framed(b"Content-Length: 5 5\r\n", body=b"hello"),
    "CL underscore": _framed(b"Content-Length: 1_0\r\n", body=b"hello"),
    "CL unicode": _framed(b"Content-Length: \xd9\xa5\r\n", body=b"hello"),
    "CL empty": _framed(b"Content-Length: \r\n", body=b"hello"),
    "CL huge": _framed(b"Content-Length: 18446744073709551621\r\n", body=b"hello"),
    "CL negative": _framed(b"Content-Length: -1\r\n", body=b"hello"),
    "CL folded": _framed(b"Content-Length:\r\n 5\r\n", body=b"hello"),
    "TE twice": _framed(_CHUNKED, _CHUNKED, body=_END),
    "TE identity": _framed(_CHUNKED, b"Transfer-Encoding: identity\r\n", body=_END),
    "TE list": _framed(b"Transfer-Encoding: identity, chunked\r\n", body=_END),
    "TE not last": _framed(b"Transfer-Encoding: chunked, identity\r\n", body=_END),
    "TE unknown": _framed(b"Transfer-Encoding: xchunked\r\n", body=_END),
    "TE quoted": _framed(b'Transfer-Encoding: "chunked"\r\n', body=_END),
    "TE vertical tab": _framed(b"Transfer-Encoding: \x0bchunked\r\n", body=_END),
    "TE space before colon": _framed(b"Transfer-Encoding : chunked\r\n", body=_END),
    "TE folded": _framed(b"Transfer-Encoding:\r\n chunked\r\n", body=_END),
    "TE by a bare feed": _framed(b"X: y\nTransfer-Encoding: chunked\r\n", body=_END),
    "TE by a bare return": _framed(b"X: y\rTransfer-Encoding: chunked\r\n", body=_END),
    "TE in 1.0": _framed(_CHUNKED, body=_END, first=b"POST %b HTTP/1.0\r\n"),
    "chunk size signed": _framed(_CHUNKED, body=b"+5\r\nhello\r\n" + _END),
    "chunk size prefixed": _framed(_CHUNKED, body=b"0x5\r\nhello\r\n" + _END),
    "chunk size spaced": _framed(_CHUNKED, body=b" 5\r\nhello\r\n" + _END),
    "chunk size too long": _framed(_CHUNKED, body=b"10000000000000005\r\nhello\r\n" + _END),
    "chunk size empty": _framed(_CHUNKED, body=b"\r\nhello\r\n" + _END),
    "chunk size short": _framed(_CHUNKED, body=b"3\r\nhello\r\n" + _END),
    "chunk size by a bare feed": _framed(_CHUNKED, body=b"5\nhello\r\n" + _END),
    "chunk without its end": _framed(_CHUNKED, body=b"5\r\nhelloXX" + _END),
    "chunk extension by a bare feed": _framed(_CHUNKED, body=b"5;a\nb\r\nhello\r\n" + _END),
    "a trailer with a space": _framed(_CHUNKED, body=b"0\r\nX : y\r\n\r\n"),
    "upgrade with CL.TE": _framed(
        b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 6\r\n", _CHUNKED, body=_END + b"G"
    ),
}


@pytest.mark.parametrize("target", [b"/probe", b"/api/probe"])
@pytest.mark.parametrize("shape", SMUGGLING)
def test_nothing_is_smuggled_past_a_body(house: Running, shape: str, target: bytes) -> None:
    """Ambiguous framing is a 400 and the end of the connection; what follows it is not read as a request."""
    data = SMUGGLING[shape].replace(b"%b", target) + HIDDEN + b"b\r\nConnection: close\r\n\r\n"
    found = ask(house.url, data)
    assert [answer.status for answer in found] == [400], shape
    assert found[0].header("connection") == "close"
    assert b"smuggled" not in found[0].body


#: Framing that looks odd, although all readers read it alike; the second request is a real one.
PLAIN = {
    "chunk extension": _framed(_CHUNKED, body=b'5;a=b;c="d"\r\nhello\r\n' + _END),
    "chunk size in capitals": _framed(_CHUNKED, body=b"A\r\nhellohello\r\n" + _END),
    "leading zeros": _framed(_CHUNKED, body=b"0005\r\nhello\r\n" + _END),
    "coding in capitals": _framed(b"Transfer-Encoding: CHUNKED\r\n", body=b"5\r\nhello\r\n" + _END),
    "a trailer": _framed(_CHUNKED, body=b"5\r\nhello\r\n0\r\nHost: evil\r\nCookie: session=x\r\n\r\n"),
    "length with zeros": _framed(b"Content-Length: 005\r\n", body=b"hello"),
    "length of nothing": _framed(b"Content-Length: 0\r\n"),
    "empty lines first": _framed(b"Content-Length: 5\r\n", body=b"hello", first=b"\r\n\r\nPOST %b HTTP/1.1\r\n"),
}


@pytest.mark.parametrize("shape", PLAIN)
def test_plain_bodies_end_where_they_say(house: Running, shape: str) -> None:
    """The API sees the body that was sent and no more, and the next request gets its own answer."""
    follow = request("/api/probe?second")
    found = ask(house.url, PLAIN[shape].replace(b"%b", b"/api/probe") + follow)
    assert [answer.status for answer in found] == [200, 200], found
    first, second = (answer.json() for answer in found)
    assert first["body"] in ("hello", "hellohello", "")
    assert "evil" not in found[0].text
    assert (second["body"], second["host"]) == ("", "127.0.0.1")


#: What asks for another protocol, and gets none.
UPGRADES = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.0, h2c\r\n",
    "a POST to WebSocket": b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
}


@pytest.mark.parametrize("target", [b"/probe", b"/api/probe"])
@pytest.mark.parametrize("body", [(b"Content-Length: 5\r\n", b"hello"), (_CHUNKED, b"5\r\nhello\r\n" + _END)])
@pytest.mark.parametrize("upgrade", UPGRADES)
def test_nothing_is_smuggled_behind_an_upgrade(
    house: Running, upgrade: str, body: tuple[bytes, bytes], target: bytes
) -> None:
    """An ignored upgrade has one answer, to the body that was sent; what follows it is not read as a request."""
    framing, content = body
    data = _framed(UPGRADES[upgrade], framing, body=content).replace(b"%b", target)
    found = ask(house.url, data + HIDDEN + b"b\r\nConnection: close\r\n\r\n")
    [answer] = found
    assert answer.header("connection") == "close"
    assert b"smuggled" not in answer.body
    if target.startswith(b"/api"):
        assert (answer.status, answer.json()["body"]) == (200, "hello")
    else:
        assert answer.status == 400  # a page wants a CSRF token, whatever the protocol


# Connections


def test_pipelined_requests_keep_their_own_callers(victim: Victim) -> None:
    """Sixty pipelined requests, with and without a login, get their own answers in order, on both halves."""
    credentials = {"/api/probe": victim.both[0], "/probe": victim.both[1]}
    asked = [(target, shown) for target, shown in itertools.product(credentials, (True, False))] * 15
    lines = [
        request(f"{target}?{number}", *([credentials[target]] if shown else []))
        for number, (target, shown) in enumerate(asked)
    ]
    data = b"".join(line.replace(b"Connection: close\r\n", b"") for line in lines[:-1]) + lines[-1]
    found = ask(victim.duet.url, data)
    assert len(found) == len(asked)
    for answer, (target, shown) in zip(found, asked, strict=True):
        seen = answer.json()
        assert seen["path"] == target
        assert seen["user"] == (victim.id if shown else None)


def test_rubbish_between_requests_ends_the_connection(victim: Victim) -> None:
    """Nothing that follows rubbish on a connection is answered, no matter who sent it."""
    good = request("/api/users/me", victim.both[0]).replace(b"Connection: close\r\n", b"")
    for rubbish in (b"\0\0\0\0", b"GET\r\n\r\n", b"x" * 200 + b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"0\r\n\r\n"):
        found = ask(victim.duet.url, good + rubbish + good)
        assert [answer.status for answer in found] in ([200], [200, 400]), rubbish


@pytest.mark.parametrize("target", ["/probe", "/api/probe"])
def test_a_client_is_told_to_go_on_once_and_by_its_own_answer(house: Running, target: str) -> None:
    """With `Expect: 100-continue` the body is asked for where it is read, and not where it is refused."""
    with connect(house.url) as connection:
        connection.sendall(request(target, "Expect: 100-continue", "Content-Length: 5", FORM, method="POST"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"hello")
        [answer] = answers(read_all(connection))
    assert answer.status in (200, 400)  # the page wants a CSRF token
    refused = request(target, "Expect: 100-continue", "Content-Length: 99999999", FORM, method="POST")
    assert not talk(house.url, refused).startswith(b"HTTP/1.1 100")


HALF = {
    "nothing": b"",
    "a method": b"POS",
    "a line": b"POST /login HTTP/1.1\r\n",
    "a head": b"POST /login HTTP/1.1\r\nHost: a\r\nX-A: ",
    "a head without its end": b"POST /api/users HTTP/1.1\r\nHost: a\r\n",
    "a form": request("/login", FORM, "Content-Length: 50", method="POST") + b"email=",
    "JSON": request("/api/users", JSON, "Content-Length: 50", method="POST") + b'{"email": ',
    "a chunk's size": request("/login", FORM, "Transfer-Encoding: chunked", method="POST") + b"f",
    "a chunk": request("/api/users", JSON, "Transfer-Encoding: chunked", method="POST") + b"ff\r\nabc",
    "chunks without an end": request("/login", FORM, "Transfer-Encoding: chunked", method="POST") + b"1\r\na\r\n",
    "a trailer": request("/login", FORM, "Transfer-Encoding: chunked", method="POST") + b"0\r\nX-A: b",
}


def test_what_was_half_sent_is_given_up_and_nobody_waits(hasty: Running) -> None:
    """Half-sent requests, many at once, end within the deadline while both halves answer others."""
    with ExitStack() as opened:
        waiting = {
            (shape, number): opened.enter_context(half_open(hasty.url, data))
            for shape, data in HALF.items()
            for number in range(4)
        }
        for target in ("/probe", "/api/probe"):
            assert one(hasty.url, request(target)).status == 200
        for (shape, _), connection in waiting.items():
            found = answers(read_all(connection))
            assert [answer.status for answer in found] in ([], [408]) if shape == "nothing" else [408], shape


def test_clients_that_vanish_leave_nothing_behind(hasty: Running) -> None:
    """After two hundred clients have hung up halfway, some by a reset, both halves answer as before."""
    for data in list(HALF.values()) * 18:
        connection = half_open(hasty.url, data)
        connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of zero seconds: closing resets
        connection.close()
    for target in ("/probe", "/api/probe", "/healthz"):
        assert one(hasty.url, request(target)).status == 200


def test_everything_oversized_is_refused(house: Running) -> None:
    """Oversized request lines, headers, cookies, forms, JSON and chunks are refused."""
    many = b"&".join(b"a%d=b" % number for number in range(20_000))
    parts = (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nb\r\n' % n for n in range(3000))
        + b"--x--\r\n"
    )
    deep = b"[" * 100_000
    cases = {
        "method": b"A" * 20_000 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
        "target": request("/" + "a/" * 20_000),
        "query": request("/login?" + "a=b&" * 5000),
        "version": b"GET / HTTP/1." + b"1" * 10_000 + b"\r\nHost: a\r\n\r\n",
        "cookies": request("/probe", "Cookie: " + "; ".join(f"a{n}=b" for n in range(6000))),
        "a cookie": request("/probe", "Cookie: session=" + "a" * 60_000),
        "a token": request("/api/probe", bearer("a" * 60_000)),
        "a form of many fields": request("/login", FORM, method="POST", body=many),
        "a grant of many fields": request("/api/auth/token", FORM, method="POST", body=many),
        "a form of many parts": request(
            "/login", "Content-Type: multipart/form-data; boundary=x", method="POST", body=parts
        ),
        "a grant of many parts": request(
            "/api/auth/token", "Content-Type: multipart/form-data; boundary=x", method="POST", body=parts
        ),
        "deep JSON": request("/api/users", JSON, method="POST", body=deep),
        "a long number": request("/api/users", JSON, method="POST", body=b'{"email": ' + b"9" * 50_000 + b"}"),
        "a long boundary": request(
            "/login", f"Content-Type: multipart/form-data; boundary={'x' * 20_000}", method="POST", body=b"a"
        ),
    }
    for name, data in cases.items():
        found = ask(house.url, data)
        assert len(found) == 1, (name, found)
        assert found[0].status in (400, 401, 413, 414, 415, 422, 431), (name, found)


def test_a_login_by_a_form_in_parts_is_a_login(victim: Victim) -> None:
    """Both halves read multipart as they read the plain form, and guard it in the same way."""
    head = "Content-Type: multipart/form-data; boundary=x"

    def parts(**fields: str) -> bytes:
        found = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        return "".join([*found, "--x--\r\n"]).encode()

    duet = victim.duet
    page = parts(email=victim.email, password=PASSWORD)
    assert one(duet.url, request("/login", head, method="POST", body=page)).status == 400, "no CSRF token"
    for doubled in (b"", parts(username="x", password="x").replace(b"--x--\r\n", b"")):
        grant = doubled + parts(grant_type="password", username=victim.email, password=PASSWORD)
        assert one(duet.url, request("/api/auth/token", head, method="POST", body=grant)).status in (200, 400)
