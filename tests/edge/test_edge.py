"""The edge over real sockets: form, proxies, headers, failures and the log."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.edge import Edge
from tests.kit.live import serve, status, talk


def refuse(scope: Scope, code: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Draws a refusal that shows which half it was drawn for."""
    half = "api" if scope["path"].startswith("/api") else "pages"
    return [(b"content-type", b"text/plain")], f"{half}: {code} {detail}".encode()


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the scope that the edge hands on; some paths misbehave."""
    if scope["type"] == "lifespan":
        return
    scope["duet.route"] = "/mirror/<token>"
    path: str = scope["path"]
    if path.startswith("/boom"):
        raise RuntimeError("boom")
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
    if path == "/own":
        headers += [(b"content-security-policy", b"default-src 'none'"), (b"x-request-id", b"mine")]
    if path == "/bind":
        structlog.contextvars.bind_contextvars(user="ada")
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/halfway":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("halfway")
    structlog.stdlib.get_logger().info("inside")
    seen = {
        key: scope[key]
        for key in ("method", "path", "raw_path", "query_string", "scheme", "client", "headers", "duet.request_id")
    }
    body = json.dumps(seen, default=lambda value: value.decode("latin-1")).encode()
    await send({"type": "http.response.body", "body": body})


def edge(app: ASGIApp = mirror, **options: Any) -> Edge:
    return Edge(app, **{"max_body_bytes": lambda _: 1000, "refuse": refuse, **options})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The edge without trusted proxies."""
    with serve(edge()) as address:
        yield address


@pytest.fixture(scope="module")
def behind_proxy() -> Iterator[str]:
    """The edge that trusts loopback and a private network, as behind a reverse proxy."""
    with serve(edge(trusted_proxies=["127.0.0.1", "10.0.0.0/8", "fd00::/8"])) as address:
        yield address


def seen(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def raw(url: str, *lines: str, version: str = "1.1", target: str = "/") -> bytes:
    head = "\r\n".join([f"GET {target} HTTP/{version}", *lines, "Connection: close", "", ""])
    return talk(url, head.encode("latin-1"))


# Host


@pytest.mark.parametrize(
    "host", ["a", "localhost:8000", "127.0.0.1", "[::1]:80", "xn--bcher-kva.example", "A_b.c.", "a:"]
)
def test_a_well_formed_host_passes(url: str, host: str) -> None:
    """Names, addresses and ports are hosts."""
    assert status(raw(url, f"Host: {host}")) == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "user@a",
        "user:password@a",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a:80:90",
        "a:99999",
        "a:x",
        "[::1",
        "[zz]",
        "::1",
        "a,b",
        "\xe9",
        "<a>",
        "a'b",
    ],
)
def test_a_malformed_host_is_refused(url: str, host: str) -> None:
    """What is no host is a 400 (RFC 9110 §7.2)."""
    assert status(raw(url, f"Host: {host}")) == 400


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("hosts", [[], ["Host: a", "Host: a"], ["Host: a", "Host: b"]])
def test_there_is_exactly_one_host(url: str, version: str, hosts: list[str]) -> None:
    """A request without a Host, or with two, is a 400, in HTTP/1.0 too."""
    assert status(raw(url, *hosts, version=version)) == 400


# Headers of the request


def test_a_monitor_may_name_no_host() -> None:
    """HTTP/1.0 without a Host, and an empty Host, are answered at a watched path and nowhere else."""
    with serve(edge(watched=[("GET", "/healthz"), ("OPTIONS", "/")])) as address:

        def ask(first: str, *lines: str) -> bytes:
            return talk(address, "\r\n".join([first, *lines, "Connection: close", "", ""]).encode())

        for first in ("GET /healthz HTTP/1.0", "OPTIONS / HTTP/1.0"):
            for lines in ((), ("Host:",), ("Host: a",)):
                answer = ask(first, *lines)
                assert status(answer) == 200, (first, lines)
                assert (b'"host"' in answer) == (lines == ("Host: a",))
        assert status(ask("GET /healthz HTTP/1.1", "Host:")) == 200
        assert status(ask("GET /healthz HTTP/1.1")) == 400  # RFC 9112 §3.2
        for first in (
            "GET / HTTP/1.0",
            "POST /healthz HTTP/1.0",
            "GET /healthz/x HTTP/1.0",
            "OPTIONS /x HTTP/1.0",
        ):
            assert status(ask(first)) == status(ask(first, "Host:")) == 400, first
        for hosts in (["Host: a", "Host: a"], ["Host:", "Host:"], ["Host: a b"]):
            assert status(ask("GET /healthz HTTP/1.0", *hosts)) == 400, hosts


def test_what_monitors_ask_is_logged_when_it_fails() -> None:
    """A watched path that is well gets a line of the level debug, and one that fails of the level info."""
    with capture_logs() as lines, serve(edge(watched=[("GET", "/healthz"), ("GET", "/boom")])) as address:
        for path in ("/healthz", "/boom", "/other"):
            httpx.get(f"{address}{path}")
    found = [(line["log_level"], line["status"]) for line in lines if line["event"] == "request"]
    assert found == [("debug", 200), ("info", 500), ("info", 200)]


def test_names_with_underscores_are_dropped(url: str) -> None:
    """`X_Forwarded_For` would become `X-Forwarded-For` in WSGI's environ."""
    answer = raw(url, "Host: a", "X_Forwarded_For: 1.2.3.4", "Content_Length: 5")
    assert status(answer) == 200
    assert b"1.2.3.4" not in answer
    assert b"content_length" not in answer


def test_cookie_headers_are_joined(url: str) -> None:
    """Several Cookie headers become one, joined as a browser would have."""
    answer = raw(url, "Host: a", "Cookie: a=1", "Cookie: b=2; c=3")
    assert b'["cookie", "a=1; b=2; c=3"]' in answer


def test_of_two_cookies_of_one_name_the_first_counts(url: str) -> None:
    """Both halves see one cookie of a name, so they can't see different sessions."""
    answer = raw(url, "Host: a", "Cookie: s=first; b=2", "Cookie: s=second")
    assert b'["cookie", "s=first; b=2"]' in answer


def test_large_headers_are_refused(url: str) -> None:
    """More than 32 KiB of headers are a 431."""
    assert status(raw(url, "Host: a", "X-A: " + "a" * 20_000)) == 200
    assert status(raw(url, "Host: a", "X-A: " + "a" * 20_000, "X-B: " + "a" * 20_000)) == 431


def test_s38_a_media_type_has_a_limit(url: str) -> None:
    """A Content-Type of more than 1 KiB is a 431: what parses forms would take it apart on the event loop."""
    assert status(raw(url, "Host: a", "Content-Type: application/json" + ";" * 900)) == 200
    assert status(raw(url, "Host: a", "Content-Type: application/json" + ";" * 1100)) == 431


# Target


@pytest.mark.parametrize("path", ["/api/x", "//api/x", "///api//x", "/api///x", "/%2Fapi/x", "/api%2f/x"])
def test_slashes_are_collapsed(url: str, path: str) -> None:
    """All spellings of a path become one path, decoded and raw."""
    answer = raw(url, "Host: a", target=path)
    assert b'"path": "/api/x", "raw_path": "/api/x"' in answer


@pytest.mark.parametrize(
    "target",
    ["/%ff", "/%C3", "/%ed%a0%80", "/a%00b", "/a%0d%0ab", "/%7f", "/%c2%85", "*"],
)
def test_a_malformed_path_is_refused(url: str, target: str) -> None:
    """A path that is not UTF-8, or holds control characters, is a 400 and never a 500."""
    assert status(raw(url, "Host: a", target=target)) == 400


def test_a_path_in_unicode_passes(url: str) -> None:
    """A path in UTF-8 passes."""
    assert seen(httpx.get(f"{url}/{quote('größe/日本')}"))["path"] == "/größe/日本"


async def test_a_query_that_is_not_ascii_is_refused() -> None:
    """A query that is not ASCII is refused, even if the server lets it through, so the pages do not fail."""
    sent = await call(edge(), query_string=b"a=\xff")
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("target", ["/" + "a" * 9000, "/?" + "a" * 9000])
def test_a_long_target_is_refused(url: str, target: str) -> None:
    """More than 8 KiB of path and query are a 414."""
    assert status(raw(url, "Host: a", target=target)) == 414


def test_a_refusal_is_drawn_by_the_half_it_belongs_to(url: str) -> None:
    """The half that a path belongs to draws the refusal, however the path is spelled, even if it can't be
    decoded."""
    assert b"api: 400" in raw(url, "Host: a", target="//api/%ff")
    assert b"pages: 400" in raw(url, "Host: a", target="/%ff")
    assert b"api: 414" in raw(url, "Host: a", target="//api/" + "a" * 9000)


async def test_a_refusal_of_head_has_no_body() -> None:
    """HEAD is answered by headers alone, even when it is refused, whatever the server makes of a body."""
    sent = await call(edge(), method="HEAD", path="/\x00")
    assert sent[0]["status"] == 400
    assert int(dict(sent[0]["headers"])[b"content-length"]) > 0
    assert sent[1]["body"] == b""


# Proxies


def test_forwarded_headers_of_a_stranger_are_without_effect(url: str) -> None:
    """Nothing that an untrusted peer forwards is believed or handed on."""
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Request-ID": "forged",
    }
    answer = httpx.get(url, headers=forged)
    scope = seen(answer)
    assert scope["client"][0] == "127.0.0.1"
    assert scope["scheme"] == "http"
    for lie in ("6.6.6.6", "evil", "666", "forged"):
        assert lie not in answer.text.replace(scope["duet.request_id"], "")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("203.0.113.9:4711, 10.1.2.3", "203.0.113.9"),
        ("2001:db8::7, fd00::1", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7%<b>a zone</b>", "2001:db8::7"),
        ("::ffff:203.0.113.9, ::ffff:10.1.2.3", "203.0.113.9"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("6.6.6.6, rubbish", "127.0.0.1"),
        ("6.6.6.6, rubbish, 10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
    ],
)
def test_the_client_is_the_rightmost_stranger(behind_proxy: str, forwarded: str, client: str) -> None:
    """A client can write what it likes to the left of what the trusted proxies wrote."""
    assert seen(httpx.get(behind_proxy, headers={"X-Forwarded-For": forwarded}))["client"][0] == client


def test_scheme_and_host_come_from_a_trusted_proxy(behind_proxy: str) -> None:
    """Links and cookies are made for the address in the person's browser."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "duet.example"}
    answer = httpx.get(behind_proxy, headers=headers)
    scope = seen(answer)
    assert scope["scheme"] == "https"
    assert dict(scope["headers"])["host"] == "duet.example"
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize("host", ["user@evil", "a b", "", "evil/x"])
def test_malformed_values_of_a_trusted_proxy_are_ignored(behind_proxy: str, host: str) -> None:
    """What a proxy passes on unchecked does not become the host or the scheme."""
    scope = seen(httpx.get(behind_proxy, headers={"X-Forwarded-Proto": "gopher", "X-Forwarded-Host": host}))
    assert scope["scheme"] == "http"
    assert dict(scope["headers"])["host"].startswith("127.0.0.1")


def test_a_request_id_comes_from_a_trusted_proxy_alone(behind_proxy: str) -> None:
    """A trusted proxy's request id is taken over if it is harmless in a log."""
    assert httpx.get(behind_proxy, headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a" * 65, "a b", "<a>", "a%0a"):
        assert re.fullmatch(
            "[0-9a-f]{16}", httpx.get(behind_proxy, headers={"X-Request-ID": bad}).headers["x-request-id"]
        )


async def test_an_ipv4_mapped_peer_is_an_ipv4_peer() -> None:
    """On a socket for both families, a client does not have two addresses, and a proxy is still trusted."""
    peer = ("::ffff:10.0.0.1", 5)
    sent = await call(edge(), client=peer)
    assert json.loads(sent[1]["body"])["client"] == ["10.0.0.1", 5]
    forwarded = [(b"host", b"a"), (b"x-forwarded-for", b"203.0.113.9")]
    for network in ("10.0.0.0/8", "::ffff:10.0.0.0/104"):
        sent = await call(edge(trusted_proxies=[network]), client=peer, headers=forwarded)
        assert json.loads(sent[1]["body"])["client"][0] == "203.0.113.9"


@pytest.mark.parametrize("address", ["*", "localhost", "10.0.0.0/99", ""])
def test_a_proxy_that_is_no_address_stops_the_start(address: str) -> None:
    """A typing error must not silently trust nobody, or everybody."""
    with pytest.raises(ValueError):
        edge(trusted_proxies=[address])


# Answers

SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/", "/%ff", "/boom", "/api/%00"])
def test_every_answer_is_dressed(url: str, path: str) -> None:
    """The security headers are on answers and refusals alike."""
    headers = httpx.get(url + path).headers
    assert {name: headers[name] for name in SAFE} == SAFE
    policy = headers["content-security-policy"]
    for rule in (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert "camera=()" in headers["permissions-policy"]
    assert headers["x-request-id"]
    assert "strict-transport-security" not in headers


def test_what_the_app_sets_is_kept(url: str) -> None:
    """An app may have its own policy, and it is not sent twice."""
    headers = httpx.get(url + "/own").headers
    assert headers.get_list("content-security-policy") == ["default-src 'none'"]
    assert headers.get_list("x-request-id") == ["mine"]


async def test_hsts_is_sent_where_people_use_https() -> None:
    """HSTS is sent when the request's scheme, or the address that people use, is https."""
    for https, scheme in ((True, "http"), (False, "https")):
        sent = await call(edge(https=https), scheme=scheme)
        assert b"strict-transport-security" in dict(sent[0]["headers"])


def test_a_failure_inside_is_a_500_and_logged_once(url: str) -> None:
    """The client learns nothing of a failure; the log has the traceback once, and the server adds none."""
    with capture_logs() as logs:
        answer = httpx.get(url + "/boom")
    assert answer.status_code == 500
    assert answer.text.startswith("pages: 500")
    assert "boom" not in answer.text
    failures = [entry for entry in logs if entry["event"] == "request_failed"]
    assert len(failures) == 1
    assert failures[0]["exc_info"]


def test_a_failure_halfway_cuts_the_connection(url: str) -> None:
    """A failure halfway cuts the connection, so the answer does not look complete."""
    with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url + "/halfway")
    assert [entry["event"] for entry in logs] == ["request_failed", "request"]


async def test_a_refusal_that_can_not_be_drawn_is_plain() -> None:
    """A broken template does not take the refusal with it."""

    def broken(scope: Scope, code: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        raise LookupError("no template")

    sent = await call(edge(refuse=broken), path="/\x00")
    assert (sent[0]["status"], sent[1]["body"]) == (400, b"Bad Request")


async def test_an_app_that_says_nothing_is_a_500() -> None:
    """An app that sends nothing is a 500 with the headers, which the server's own answer would lack."""

    async def silent(scope: Scope, receive: Receive, send: Send) -> None: ...

    assert (await call(edge(silent)))[0]["status"] == 500


# The log


def test_the_log_has_a_line_for_each_request_and_no_path(url: str) -> None:
    """Tokens travel in the paths and queries of mailed links, so the log has the route's template instead."""
    with capture_logs() as logs:
        httpx.get(url + "/reset/SECRET?token=SECRET", headers={"Cookie": "session=SECRET"})
    line = next(entry for entry in logs if entry["event"] == "request")
    assert (line["method"], line["route"], line["status"]) == ("GET", "/mirror/<token>", 200)
    assert line["client"] == "127.0.0.1"
    assert line["ms"] >= 0
    assert "SECRET" not in repr(logs)


def test_log_lines_from_inside_carry_the_request_id(url: str) -> None:
    """A line of either half can be found by the id on the answer, and no request has another request's id."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs, httpx.Client() as client:
        ids = [client.get(url).headers["x-request-id"] for _ in range(2)]
    assert [entry["request_id"] for entry in logs if entry["event"] == "inside"] == ids
    assert len(set(ids)) == 2


def test_a_pipelined_request_does_not_inherit_what_was_bound(url: str) -> None:
    """uvicorn starts it in the context of the request before; its log lines must not name that request's user."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        talk(url, b"GET /bind HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert ["user" in entry for entry in logs if entry["event"] == "inside"] == [True, False]


# Other scopes


async def test_the_lifespan_passes_untouched() -> None:
    """The edge is no part of the app's start and end."""
    seen_scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen_scopes.append(scope)

    scope: Scope = {"type": "lifespan"}
    await edge(app)(scope, no_message, no_send)
    assert seen_scopes[0] is scope


async def test_a_malformed_websocket_is_closed_before_it_opens() -> None:
    """A WebSocket's handshake must be well-formed, as a request must."""
    sent = await call(edge(), type="websocket", headers=[])
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_websocket_is_handed_on_without_a_deadline() -> None:
    """A WebSocket's messages are not a body, so they have no deadline."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        assert (await receive())["type"] == "websocket.receive"

    messages: list[Message] = [{"type": "websocket.receive", "text": "x" * 5000}, {"type": "websocket.connect"}]

    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return messages.pop()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = make_scope(type="websocket", path="//ws")
    await edge(app, body_seconds=0)(scope, receive, send)
    assert sent == [{"type": "websocket.accept"}]


def test_the_edge_holds_before_fastapi() -> None:
    """FastAPI's own errors are dressed as well."""
    app = FastAPI()

    @app.get("/hello")
    async def hello(request: Request) -> str:
        return request.url.path

    with serve(edge(app)) as url:
        assert httpx.get(url + "//hello").json() == "/hello"
        missing = httpx.get(url + "/nothing")
        assert missing.status_code == 404
        assert missing.headers["x-content-type-options"] == "nosniff"


# Without a server, for what uvicorn never hands on


async def no_message() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def no_send(message: Message) -> None: ...


def make_scope(**changes: Any) -> Scope:
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "scheme": "http",
        "client": ("192.0.2.1", 5),
        "headers": [(b"host", b"a")],
    }
    return {**scope, **changes}


async def call(app: ASGIApp, **changes: Any) -> list[Message]:
    """Calls `app` with a request, and returns what it sends."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(make_scope(**changes), no_message, send)
    return sent
