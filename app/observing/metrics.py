"""Serves `/metrics`: what the process has counted, for Prometheus.

No label identifies a person or a request, and no figure that a stranger can move tells who has an account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.auth.policy import Covered, Rule
from app.auth.service import Auth
from app.observing.process import ProcessFigures
from app.observing.readers import Readers
from app.observing.requests import Requests
from app.paths import METRICS
from app.store.measurements import StoreMeasurements

#: The states of each pool of threads.
Pools: TypeAlias = Mapping[str, Mapping[str, int]]
#: The text format, in a version that does not depend on the library's.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


#: For those who have to show the token (RFC 6750 section 3).
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="metrics"'}


class _Figures(Collector):
    """Reads plain counters when it is asked, so that counting costs a request next to nothing.

    Args:
        auth: counts what people do.
        store: measures the store.
        requests: counts the requests that were answered.
        pools: tells the states of the pages' thread pools.
        version: Duet's version.
    """

    def __init__(
        self, auth: Auth, store: StoreMeasurements, requests: Requests, pools: Callable[[], Pools], version: str
    ) -> None:
        self._auth = auth
        self._store = store
        self._requests = requests
        self._pools = pools
        self._version = version

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("duet", "What runs here.", value={"version": self._version})
        yield from self._answers()
        yield from self._people()
        yield from self._hashes()
        yield from self._threads()
        yield from self._calls()

    def _answers(self) -> Iterator[Metric]:
        counts = CounterMetricFamily(
            "duet_requests",
            "Requests that were answered. Those that matched no route have none.",
            labels=["half", "method", "route", "status"],
        )
        for labels, count in list(self._requests.counts.items()):
            counts.add_metric(labels, count)
        seconds = HistogramMetricFamily("duet_request_seconds", "How long answers took.", labels=["half", "route"])
        for route, taken in list(self._requests.seconds.items()):
            seconds.add_metric(route, taken.buckets(), taken.total)
        yield counts
        yield seconds

    def _people(self) -> Iterator[Metric]:
        events, refreshes = self._auth.audit.counts, self._auth.refreshing.counts
        told = _alike(events) if self._auth.config.require_verified_email else events
        yield _counter("duet_events", "Entries in the audit log, by event.", "event", told)
        logins = {"in": events["login"], "failed": events["login_failed"], "put_off": events["login_blocked"]}
        yield _counter("duet_logins", "Logins, by outcome.", "result", logins)
        results = {
            **{name: refreshes[name] for name in ("rotated", "repeated")},
            "refused": events["refresh_refused"],
            "reused": events["refresh_reused"],
        }
        yield _counter("duet_refreshes", "Refresh tokens, by outcome.", "result", results)
        yield _counter(
            "duet_legacy_tokens",
            "Tokens of the earlier system, by outcome.",
            "result",
            asdict(self._auth.earlier_tokens.counts),
        )
        yield GaugeMetricFamily(
            "duet_revocations_ready",
            "Whether the list of revocations has been read since the start; without it, no token is judged.",
            value=int(self._auth.revocations.is_ready),
        )
        yield GaugeMetricFamily(
            "duet_revocations_remembered",
            "Sessions that ended within an access token's life.",
            value=self._auth.revocations.remembered,
        )

    def _hashes(self) -> Iterator[Metric]:
        queue = self._auth.passwords.queue
        yield GaugeMetricFamily("duet_hash_running", "Passwords that are being hashed.", value=queue.running)
        yield GaugeMetricFamily("duet_hash_waiting", "Hashes that wait for a thread.", value=queue.waiting)
        yield GaugeMetricFamily(
            "duet_hash_expected_wait_seconds",
            "How long the last hash in the queue will wait. If this exceeds five seconds, logins are refused.",
            value=queue.expected_wait,
        )
        yield SummaryMetricFamily(
            "duet_hash_wait_seconds",
            "How long hashes waited for a thread.",
            count_value=queue.counts.begun,
            sum_value=queue.counts.waited,
        )
        yield CounterMetricFamily(
            "duet_hash_refused", "Hashes refused (503) because too many waited.", value=queue.counts.refused
        )

    def _threads(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "duet_pool_requests",
            "Requests for pages that run, wait, or only wait for their clients (aside), and the places available.",
            labels=["pool", "state"],
        )
        for pool, states in self._pools().items():
            for state, count in states.items():
                family.add_metric([pool, state], count)
        yield family

    def _calls(self) -> Iterator[Metric]:
        measured = self._store
        seconds = HistogramMetricFamily(
            "duet_store_seconds", "How long a look at the database took, once a second."
        )
        seconds.add_metric([], measured.seconds.buckets(), measured.seconds.total)
        yield seconds
        yield CounterMetricFamily(
            "duet_store_errors", "Calls that the database did not answer.", value=measured.errors
        )
        yield GaugeMetricFamily(
            "duet_store_away", "Whether the database is known not to answer.", value=int(measured.is_away)
        )


def _alike(events: Mapping[str, int]) -> Counter[str]:
    """Returns the events with one name for all registrations.

    Where email addresses have to be confirmed, nobody is told whether the one that they register was free.
    """
    told = Counter(events)
    told["registration"] = told.pop("registered", 0) + told.pop("registration_refused", 0)
    return told


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in list(counts.items()):
        family.add_metric([value], count)
    return family


def create_metrics(
    auth: Auth,
    store: StoreMeasurements,
    requests: Requests,
    pools: Callable[[], Pools],
    *,
    version: str,
    token: str = "",
) -> Covered[list[Route]]:
    """Makes the route, which needs no login but is for `Readers` alone, and its row of the policy's table.

    The registry is this app's own, so that several apps in one process, as in tests, do not mix.
    """
    registry = CollectorRegistry()
    registry.register(_Figures(auth, store, requests, pools, version))
    registry.register(ProcessFigures())
    readers = Readers(token)

    async def metrics(request: Request) -> Response:
        """Returns what was counted until now, in Prometheus's text format."""
        if not readers.include(request.scope):
            if readers.show_a_token:
                return PlainTextResponse("The metrics ask for METRICS_TOKEN.\n", 401, CHALLENGE)
            raise HTTPException(404)  # as for any page that there is not
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})

    route = Route(METRICS, metrics)
    return Covered([route], (Rule.of_root(route.path, f"metrics.{route.name}"),))
