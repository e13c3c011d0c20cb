"""`/metrics`: what the process has counted, for Prometheus. No label holds anything of a person or a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.auth.policy import PUBLIC, Rule
from app.auth.service import Auth

#: The text format, whose version does not hang on the library's.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Figures(Collector):
    """Reads the plain counters of auth when it is asked, so that counting costs a request nothing.

    Args:
        auth: counts.
        version: Duet's.
    """

    def __init__(self, auth: Auth, version: str) -> None:
        self._auth = auth
        self._version = version

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("duet", "What runs here.", value={"version": self._version})
        yield GaugeMetricFamily(
            "duet_revocations_ready",
            "Whether the list of what ended was read since the start: without it no token is judged.",
            value=int(self._auth.revocations.is_ready),
        )
        legacy = CounterMetricFamily(
            "duet_legacy_tokens", "Tokens of the earlier system, by what became of them.", labels=["result"]
        )
        for result, count in asdict(self._auth.earlier_tokens.counts).items():
            legacy.add_metric([result], count)
        yield legacy
        yield from self._hashes()

    def _hashes(self) -> Iterator[Metric]:
        queue = self._auth.passwords.queue
        yield GaugeMetricFamily("duet_hash_running", "Passwords that are being hashed.", value=queue.running)
        yield GaugeMetricFamily("duet_hash_waiting", "Hashes that wait for a thread.", value=queue.waiting)
        yield GaugeMetricFamily(
            "duet_hash_expected_wait_seconds",
            "How long the last of them will have waited. Where it would be more than five, logins are refused.",
            value=queue.expected_wait,
        )
        yield SummaryMetricFamily(
            "duet_hash_wait_seconds",
            "How long hashes waited for a thread.",
            count_value=queue.counts.begun,
            sum_value=queue.counts.waited,
        )
        yield CounterMetricFamily(
            "duet_hash_refused", "Hashes refused, by a 503, because too many waited.", value=queue.counts.refused
        )


def create_metrics(auth: Auth, *, version: str) -> tuple[list[Route], list[Rule]]:
    """The route, open to everybody, and its row of the policy's table.

    The registry is this app's own: several in one process, as in tests, do not mix.
    """
    registry = CollectorRegistry()
    registry.register(_Figures(auth, version))

    async def metrics(request: Request) -> Response:
        """What was counted until now, in Prometheus' text format."""
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})

    routes = [Route("/metrics", metrics)]
    rules = [Rule("root", route.path, ("GET", "HEAD"), f"metrics.{route.name}", PUBLIC) for route in routes]
    return routes, rules
