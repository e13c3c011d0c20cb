"""Duet on https behind Caddy and behind nginx, with the configurations in `deploy/`."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.deploy.proxies import PERSON, PROXIES, Site, site
from tests.edge.test_edge_traces import TRACE, echo
from tests.kit.duet import PASSWORD, PATIENCE, ApiClient, Browser, messages

#: Headers that somebody might send to pass for another person, or for one on another site.
FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=http",
    "X-Request-ID": "forged",
}


@pytest.fixture(scope="module", params=PROXIES)
def https(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Duet behind each proxy, which it trusts."""
    folder = tmp_path_factory.mktemp(request.param)
    more: dict[str, Any] = {"extensions": [echo()], "ws": Greeter, "trusted_proxies": ("127.0.0.1",)}
    with site(PROXIES[request.param], folder, **more) as one:
        yield one


class Greeter(asyncio.Protocol):
    """Stands for uvicorn's WebSocket protocol, which needs a package: answers what it hears in capitals."""

    def __init__(self, **_: Any) -> None:
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.head:
            self.transport.write(data.upper())
            return
        self.head = data.lower()
        assert b"upgrade: websocket" in self.head
        key = re.search(rb"sec-websocket-key: (\S+)", data, re.IGNORECASE)
        assert key
        accept = b64encode(sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.transport.write(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


HANDSHAKE = (
    b"GET /api/team/room HTTP/1.1\r\nHost: %b\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.parametrize("upgrade", [b"websocket", b"WebSocket"])
def test_a_websocket_goes_through(https: Site, upgrade: bytes) -> None:
    """The proxy hands the upgrade on, and then the bytes of both sides."""
    host = urlsplit(https.url).netloc.encode()
    with tls(https) as connection:
        connection.sendall(HANDSHAKE % (host, upgrade))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            assert piece, head
            head += piece
        assert head.startswith(b"HTTP/1.1 101 "), head
        connection.sendall(b"hello")
        assert connection.recv(5) == b"HELLO"


def test_no_other_upgrade_is_handed_on(https: Site) -> None:
    """`h2c` is answered as an ordinary request: a proxy that made a tunnel of it would let requests go past it."""
    host = urlsplit(https.url).netloc.encode()
    with tls(https) as connection:
        connection.sendall(HANDSHAKE % (host, b"h2c"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")


def tls(https: Site) -> ssl.SSLSocket:
    """A connection to the proxy in HTTP/1.1."""
    plain = socket.create_connection(("localhost", urlsplit(https.url).port), PATIENCE)
    return https.trust.wrap_socket(plain, server_hostname="localhost")


@pytest.fixture
def email(https: Site) -> str:
    """The email address of this test's own account."""
    address = f"{uuid4().hex}@example.com"
    https.duet.make_user(address)
    return address


def addresses(api: ApiClient) -> list[str]:
    """The IP addresses in the caller's list of sessions."""
    return [one["ip"] for one in api.get("/api/users/me/sessions").json()]


def test_the_session_cookie_is_bound_to_https_and_to_the_host(https: Site, email: str) -> None:
    """It is `__Host-session`, `Secure`, `HttpOnly` and `SameSite=Lax`, before and after a login."""
    with https.browser() as browser:
        for answer in (browser.get("/login"), browser.log_in(email)):
            [cookie] = [one for one in answer.headers.get_list("Set-Cookie") if one.startswith("__Host-session=")]
            attributes = cookie.partition("=")[2]
            found = {part.strip() for part in attributes.split(";")[1:]}
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= found
            assert not [part for part in found if part.startswith("Domain")]


def test_hsts_is_on_every_answer(https: Site) -> None:
    """Pages, the API, files, health checks and errors of both halves carry HSTS."""
    with https.browser() as browser:
        for path in ("/login", "/api/users/me", "/nothing", "/api/nothing", "/static/duet.svg", "/healthz"):
            assert browser.get(path).headers["Strict-Transport-Security"] == "max-age=63072000", path


def test_sessions_carry_the_address_of_the_person(https: Site, email: str) -> None:
    """Both halves note where the person is, not where the proxy is."""
    with https.browser() as browser, https.api() as api:
        assert browser.log_in(email).status_code == 303
        assert api.log_in(email).status_code == 200
        assert addresses(api) == [PERSON, PERSON]
        assert PERSON in browser.get("/account/sessions").text


def test_forged_proxy_headers_change_nothing(https: Site, email: str) -> None:
    """Proxy headers that a client sends are not believed, for neither the IP address nor the request id."""
    with https.api(headers=FORGED) as api:
        answer = api.log_in(email)
        assert answer.status_code == 200
        assert answer.headers["X-Request-ID"] != "forged"
        assert addresses(api) == [PERSON]


def test_forged_proxy_headers_past_the_proxy_change_nothing(https: Site, email: str) -> None:
    """A client that reaches Duet directly and is no trusted proxy can't choose its IP address."""
    transport = httpx.HTTPTransport(local_address=PERSON)
    with ApiClient(https.duet.url, headers=FORGED, transport=transport) as api:
        assert api.log_in(email).status_code == 200
        assert addresses(api) == [PERSON]


def test_forms_of_this_site_alone_are_taken(https: Site, email: str) -> None:
    """A form with the site's own `Origin` works; one from another site, http or Duet's own port does not."""
    with https.browser() as browser:
        form = {"email": email, "password": PASSWORD, "csrf_token": browser.csrf_token()}
        for origin in ("https://evil.example", https.http_url, "null", https.url.replace("https", "http")):
            answer = browser.post("/login", data=form, headers={"Origin": origin})
            assert answer.status_code == 403, origin
        forged = {**FORGED, "Origin": "https://evil.example"}
        assert browser.post("/login", data=form, headers=forged).status_code == 403
        forged = {**FORGED, "Origin": "http://evil.example"}
        assert browser.post("/login", data=form, headers=forged).status_code == 403
        assert browser.post("/login", data=form, headers={"Origin": https.url}).status_code == 303


def test_redirects_and_links_stay_on_https(https: Site, email: str) -> None:
    """From the first redirect to the requested page, nothing names http, another host or Duet's port."""
    with https.browser() as browser:
        asked = browser.get("/account/sessions?from=mail")
        assert messages(browser.get(asked.headers["Location"]).text) == ["Please log in."]
        for answer in (asked, browser.log_in(email, next="/account/sessions?from=mail"), browser.log_out()):
            assert answer.status_code == 303
            target = httpx.URL(https.url).join(answer.headers["Location"])
            assert (target.scheme, target.netloc.decode()) == ("https", urlsplit(https.url).netloc)
        for path in ("/login", "/register"):
            for link in re.findall(r'(?:href|src|action)="([^"]+)"', browser.get(path).text):
                assert not link.startswith(("http:", "//")), link


def test_a_proxy_leads_from_http_to_https(https: Site) -> None:
    """A person who types the address without https is redirected, with path and query kept."""
    answer = httpx.get(f"{https.http_url}/login?next=/account")
    assert answer.status_code == 308
    assert answer.headers["Location"].startswith("https://localhost")
    assert answer.headers["Location"].endswith("/login?next=/account")


def test_a_body_over_the_limit_is_refused_by_duet(https: Site) -> None:
    """The proxies let slightly more through, so that the answer is Duet's own, as JSON on the API."""
    with https.api() as api:
        answer = api.post("/api/users", content=b"x" * 1_100_000, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics?x=1",
        "//metrics",
        "/%6Detrics",
        "/%2fmetrics",
        "/./metrics",
        "/x/../metrics",
        "/metrics/",
    ],
)
def test_s42_the_metrics_are_closed_by_the_proxy(https: Site, path: str) -> None:
    """In no spelling does the address lead to the metrics, for whoever comes through the proxy."""
    connection = http.client.HTTPSConnection(
        "localhost", urlsplit(https.url).port, context=https.trust, timeout=PATIENCE
    )
    with contextlib.closing(connection):
        connection.request("GET", path)  # as it is: httpx would tidy it
        answer = connection.getresponse()
        assert answer.status in (400, 404)
        assert b"duet_" not in answer.read()


def test_s47_a_client_s_trace_ends_at_the_proxy(https: Site) -> None:
    """What a client says of a trace is not handed on, since Duet would take it for the proxy's word."""
    headers = dict.fromkeys(("tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-sampled", "uber-trace-id"), "1")
    with https.browser() as browser:
        assert browser.get("/echo/", headers={**headers, "traceparent": TRACE}).json() == {}


@pytest.mark.parametrize("name", PROXIES)
def test_without_trusted_proxies_nothing_is_believed(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A proxy that TRUSTED_PROXIES does not name is a client like any other; the site works all the same."""
    with site(PROXIES[name], tmp_path_factory.mktemp(name)) as https:
        https.duet.make_user()
        with https.browser() as browser, https.api(headers=FORGED) as api:
            form = {"email": "ada@example.com", "password": PASSWORD}
            form["csrf_token"] = browser.csrf_token()
            assert browser.post("/login", data=form, headers={"Origin": https.url}).status_code == 303
            assert browser.cookies.get("__Host-session")
            assert api.log_in().status_code == 200
            assert addresses(api) == ["127.0.0.1", "127.0.0.1"]
            assert api.get("/metrics").status_code == 404


def test_the_cookie_is_secure_on_the_port_behind_the_proxy_too(https: Site) -> None:
    """PUBLIC_URL decides, not the connection, so past the proxy too the cookie is for https alone."""
    with Browser(https.duet.url) as direct:
        answer = direct.get("/login")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"]
