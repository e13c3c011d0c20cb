"""Sends a span for each request to an OpenTelemetry collector, if one is set. The packages are an extra."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from app.scope import REQUEST_ID, ROUTE

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

#: The headers that carry a caller's own trace (W3C Trace Context). The edge lets them through from trusted proxies
#: alone: a stranger must not choose the trace, nor whether it is recorded.
_HEADERS: Final = frozenset({b"traceparent", b"tracestate"})

#: How long a collector may take, in seconds, including retries. The end of the process waits for the last spans.
PATIENCE: Final = 2.0

log = structlog.get_logger(__name__)


class Tracing:
    """Makes the spans of one app.

    Args:
        provider: makes and sends the spans; None if nobody asks for them.
    """

    def __init__(self, provider: TracerProvider | None) -> None:
        self._provider = provider

    def around(self, app: ASGIApp) -> ASGIApp:
        """Returns the app with a span around each request, or just the app if there are no spans."""
        return app if self._provider is None else _Traced(app, self._provider)

    def end(self) -> None:
        """Sends the last spans. This blocks for as long as the collector may take."""
        if self._provider is not None:
            self._provider.shutdown()


def create_tracing(endpoint: str, *, version: str) -> Tracing:
    """Returns what makes and sends the spans.

    Without an endpoint there are no spans. Without the extra there are none either, and the log says so.

    Args:
        endpoint: where a collector takes OTLP over HTTP, such as http://collector:4318. Empty means no collector.
        version: Duet's version.
    """
    if not endpoint:
        return Tracing(None)
    try:
        return Tracing(_provider(endpoint, version))
    except ImportError:
        log.error("tracing_unavailable", reason="OTEL_EXPORTER_OTLP_ENDPOINT is set: pip install 'duet[otel]'")
        return Tracing(None)


def _provider(endpoint: str, version: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "duet")
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": version}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=PATIENCE)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class _Traced:
    """The layer around the gate. Spans that a route or a page makes become children of the request's span."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app = app
        self._tracer = provider.get_tracer("duet")
        self._parent = TraceContextTextMapPropagator().extract
        self._kind = SpanKind.SERVER
        self._error = StatusCode.ERROR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS}
        with self._tracer.start_as_current_span(
            scope["method"], context=self._parent(carried), kind=self._kind
        ) as span:
            bind_contextvars(trace_id=f"{span.get_span_context().trace_id:032x}")
            status = 500

            async def noted(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await self._app(scope, receive, noted)
            finally:
                self._describe(span, scope, status)

    def _describe(self, span: Span, scope: Scope, status: int) -> None:
        """Names the span by the route's template, because paths and queries of mailed links contain tokens."""
        route = scope.get(ROUTE, "")
        span.update_name(f"{scope['method']} {route}".rstrip())
        span.set_attributes(
            {
                "http.request.method": scope["method"],
                "http.route": route,
                "http.response.status_code": status,
                "url.scheme": scope["scheme"],
                "duet.request_id": scope[REQUEST_ID],
            }
        )
        if status >= 500:
            span.set_status(self._error)
