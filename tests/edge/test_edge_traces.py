"""Item 47: what carries a trace counts from trusted proxies alone, and is no longer than it needs to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Blueprint, request

from app.auth.policy import public
from app.edge.proxies import MAX_TRACE_BYTES, TrustedProxies
from app.edge.wellformed import sift
from app.extension import Extension
from tests.kit.duet import Running, make_settings, running

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HEADERS = {
    "traceparent": TRACE,
    "tracestate": "vendor=1",
    "baggage": "user=ada",
    "b3": "0",
    "x-b3-traceid": "1",
    "x-b3-spanid": "2",
    "x-b3-sampled": "1",
    "x-b3-flags": "1",
    "uber-trace-id": "1:2:0:1",
    "uberctx-user": "ada",
    "jaeger-debug-id": "1",
    "ot-tracer-traceid": "1",
    "ot-baggage-user": "ada",
    "x-amzn-trace-id": "Root=1",
    "x-cloud-trace-context": "1/2;o=1",
    "x-datadog-trace-id": "1",
    "sentry-trace": "1-2-1",
    "grpc-trace-bin": "AA",
}


def echo() -> Extension:
    """A page and a route that show which of the headers arrived."""
    blueprint = Blueprint("echo", __name__, url_prefix="/echo")

    @blueprint.get("/")
    @public
    def page() -> dict[str, str]:
        return {name: request.headers[name] for name in HEADERS if name in request.headers}

    return Extension("echo", blueprints=[blueprint])


@pytest.fixture(scope="module", params=["", "127.0.0.9", "127.0.0.1"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, bool]]:
    """A Duet, and whether it trusts this machine."""
    settings = make_settings(tmp_path_factory.mktemp("duet"), trusted_proxies=request.param)
    with running(settings, extensions=[echo()]) as one:
        yield one, request.param == "127.0.0.1"


def test_s47_a_trace_counts_from_a_trusted_proxy_alone(site: tuple[Running, bool]) -> None:
    """No code of a team's, such as OpenTelemetry's own instrumentation, sees what a stranger says of a trace."""
    duet, is_trusted = site
    found = httpx.get(f"{duet.url}/echo/", headers={**HEADERS, "X_B3_TraceId": "9"}).json()
    assert found == (HEADERS if is_trusted else {})


def arriving(headers: list[tuple[bytes, bytes]], peer: str = "127.0.0.1") -> dict[bytes, bytes]:
    """What the app sees of headers that `peer` sends, of whom it trusts 127.0.0.1."""
    kept, aside = sift(headers)
    scope: dict[str, Any] = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": kept}
    TrustedProxies(["127.0.0.1"]).apply(scope, aside)
    return dict(scope["headers"])


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_s47_what_is_too_long_is_dropped(name: str) -> None:
    """At its limit a header arrives, and with one byte more it does not, in one line or in several."""
    header = name.encode()
    assert arriving([(header, b"x" * MAX_TRACE_BYTES)]) == {header: b"x" * MAX_TRACE_BYTES}
    assert arriving([(header, b"x" * (MAX_TRACE_BYTES + 1))]) == {}
    assert arriving([(header, b"x" * 300), (header, b"y" * 300)]) == {}
    assert arriving([(header, b"x")], peer="203.0.113.9") == {}


def test_s47_several_lines_are_one_list() -> None:
    """The lines of a `tracestate` are joined in their order, and of two `traceparent` none is valid then."""
    assert arriving([(b"tracestate", b"a=1"), (b"tracestate", b"b=2")]) == {b"tracestate": b"a=1,b=2"}
    both = arriving([(b"traceparent", TRACE.encode()), (b"traceparent", TRACE.encode())])
    assert both == {b"traceparent": f"{TRACE},{TRACE}".encode()}
