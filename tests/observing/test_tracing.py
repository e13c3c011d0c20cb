"""Traces: one span for each request, as a real collector's protocol carries it."""

from __future__ import annotations

import gzip
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from flask import Blueprint
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from app.auth.policy import public
from app.extension import Extension
from app.main import VERSION
from tests.kit.duet import make_settings, running

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """Takes OTLP over HTTP. Yields its address, and the spans that it was sent."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    spans.extend((resource.resource, span) for span in scope.spans)
            assert self.path == "/v1/traces"
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans
        finally:
            server.shutdown()
            thread.join()


def traced() -> Extension:
    """A route and a page that each trace a step, and one that fails."""
    router, blueprint = APIRouter(prefix="/traced"), Blueprint("traced", __name__, url_prefix="/traced")

    @router.get("/{secret}")
    @public
    async def route(secret: str) -> str:
        if secret == "fails":
            raise LookupError
        return f"{trace.get_current_span().get_span_context().trace_id:032x}"

    @blueprint.get("/<secret>")
    @public
    def page(secret: str) -> str:
        assert secret
        return f"{trace.get_current_span().get_span_context().trace_id:032x}"

    return Extension(name="traced", routers=[router], blueprints=[blueprint])


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span, or of the resource that sent it."""
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}


def test_each_request_is_a_span_of_its_caller_s_trace(tmp_path: Path) -> None:
    """Behind a trusted proxy the spans of both halves have route, status and request id, nothing of the path."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with collector() as (endpoint, spans):
        settings = make_settings(tmp_path, otel_exporter_otlp_endpoint=endpoint, trusted_proxies="127.0.0.1")
        with running(settings, extensions=[traced()]) as duet, capture_logs() as logs:
            answers = [
                httpx.get(duet.url + path, headers=headers)
                for path in (
                    "/api/traced/SECRET?q=SECRET",
                    "/traced/SECRET?q=SECRET",
                    "/api/traced/fails",
                    "/SECRET",
                )
            ]
        assert [answer.status_code for answer in answers] == [200, 200, 500, 404]
        assert answers[0].json() == answers[1].text == TRACE
    assert "SECRET" not in str(spans)
    assert [span.name for _, span in spans] == [
        "GET /api/traced/{secret}", "GET /traced/<secret>", "GET /api/traced/{secret}", "GET",
    ]  # fmt: skip
    for (resource, span), answer in zip(spans, answers, strict=True):
        assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (
            TRACE,
            PARENT,
            span.SPAN_KIND_SERVER,
        )
        found = attributes(span)
        assert found["http.response.status_code"] == answer.status_code
        assert found["duet.request_id"] == answer.headers["X-Request-ID"]
        assert (span.status.code == span.status.STATUS_CODE_ERROR) == (answer.status_code == 500)
        assert {"service.name": "duet", "service.version": VERSION}.items() <= attributes(resource).items()
    assert any(line["event"] == "request" for line in logs)


def test_s47_a_stranger_s_trace_is_not_gone_on_with(tmp_path: Path) -> None:
    """From anybody else a new trace begins on both halves, recorded whatever the stranger's flags say."""
    for flags in ("01", "00"):
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "tracestate": "evil=1"}
        with collector() as (endpoint, spans):
            settings = make_settings(
                tmp_path / flags, otel_exporter_otlp_endpoint=endpoint, trusted_proxies="127.0.0.9"
            )
            with running(settings, extensions=[traced()]) as duet:
                answers = [httpx.get(f"{duet.url}{half}/traced/x", headers=headers) for half in ("", "/api")]
        assert len(spans) == 2
        for (_, span), answer in zip(spans, answers, strict=True):
            assert TRACE not in answer.text
            assert (span.parent_span_id, span.trace_state) == (b"", "")
            assert span.trace_id.hex() != TRACE


def test_a_collector_that_is_away_disturbs_nobody(tmp_path: Path) -> None:
    """Requests are answered and the process ends, although the collector is away."""
    with running(make_settings(tmp_path, otel_exporter_otlp_endpoint="http://127.0.0.1:9")) as duet:
        assert httpx.get(f"{duet.url}/login").status_code == 200


def test_without_the_packages_the_log_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the packages the log says what is missing, and everything else works."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = make_settings(tmp_path, otel_exporter_otlp_endpoint="http://127.0.0.1:9")
    with capture_logs() as logs, running(settings) as duet:
        assert httpx.get(f"{duet.url}/login").status_code == 200
    [line] = [line for line in logs if line["event"] == "tracing_unavailable"]
    assert "pip install 'duet[otel]'" in line["reason"]
