"""`/metrics`: in Prometheus' own format, on this machine, and without anything about any person."""

from __future__ import annotations

import json
import pathlib
import re
from datetime import datetime

import httpx
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from app.auth.models import Client
from app.main import VERSION, create_app
from tests.kit.duet import ApiClient, Browser, Running, make_settings
from tests.kit.programs import ROOT, wait_until


def figures(url: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, as Prometheus reads it."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_it(duet: Running) -> None:
    """The content type names the format, and each metric says what it is."""
    answer = httpx.get(f"{duet.url}/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "# TYPE duet_legacy_tokens_total counter" in answer.text
    found = figures(duet.url)
    assert found["duet_info", (("version", VERSION),)] == 1
    assert found["duet_revocations_ready", ()] == 1
    results = {labels: value for (name, labels), value in found.items() if name == "duet_legacy_tokens_total"}
    assert results == {(("result", name),): 0 for name in ("accepted", "refused", "expired", "unknown")}


def test_the_queue_of_hashes_is_seen(duet: Running, browser: Browser) -> None:
    """The metrics say how many hashes wait, for how long, and how many were refused."""
    duet.make_user()
    begun = figures(duet.url)["duet_hash_wait_seconds_count", ()]
    browser.log_in()
    assert figures(duet.url)["duet_hash_wait_seconds_count", ()] == begun + 1
    queue = duet.auth.passwords.queue
    queue._seconds_per_hash, queue._running = 2.0, queue._running + 1000
    try:
        with ApiClient(duet.url) as client:
            assert client.log_in().status_code == 503
        found = figures(duet.url)
    finally:
        queue._running -= 1000
    assert found["duet_hash_refused_total", ()] == 1
    assert found["duet_hash_running", ()] >= 1000
    assert found["duet_hash_waiting", ()] == 0
    assert found["duet_hash_expected_wait_seconds", ()] >= 1000
    assert found["duet_hash_wait_seconds_sum", ()] >= 0


def test_it_is_open_and_in_the_table(duet: Running) -> None:
    """The address needs no login, like `/healthz`, and takes GET and HEAD alone."""
    answer = httpx.head(f"{duet.url}/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 100
    assert httpx.post(f"{duet.url}/metrics").status_code == httpx.post(f"{duet.url}/healthz").status_code == 404
    assert httpx.get(f"{duet.url}/metrics/x").status_code == 404
    (rule,) = [rule for rule in duet.app.state.rules if rule.path == "/metrics"]
    assert (rule.half, rule.methods, str(rule.policy)) == ("root", ("GET", "HEAD"), "public")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_session_is_touched(duet: Running, browser: Browser) -> None:
    """A browser that looks at the metrics does not have its session renewed, as any page would do."""
    user = duet.make_user()
    browser.log_in()
    # From now on the access token in the cookie is due for renewal.
    duet.wait(duet.auth.administration.set_roles(user.id, ["editor"], Client("test")))
    store, auth = duet.auth.accounts.store, duet.auth

    def last_used() -> datetime:
        (session,) = duet.wait(store.sessions_of(user.id, now=auth.clock.now()))
        found: datetime = session.last_used_at
        return found

    before = last_used()
    well_known = ("/.well-known/oauth-authorization-server", "/.well-known/jwks.json")
    for path in ("/metrics", "/healthz", "/readyz", *well_known):
        assert "Set-Cookie" not in browser.get(path).headers
        assert last_used() == before
    assert browser.get("/account").status_code == 200
    assert last_used() > before


def test_it_is_there_without_a_store(duet: Running) -> None:
    """The metrics are there without a store: they are needed most when something is wrong."""
    duet.wait(duet.auth.accounts.store.close())
    assert ("duet_info", (("version", VERSION),)) in figures(duet.url)


def test_it_tells_nothing_of_anybody(duet: Running, api: ApiClient) -> None:
    """No address, id, token or path from a request is shown, and the labels are a fixed set."""
    user = duet.make_user("marker@example.com", name="Marker")
    api.log_in("marker@example.com")
    for path in ("/marker", "/api/marker", f"/api/users/me?marker={api.access_token}"):
        api.get(path, headers={"User-Agent": "marker"})
    httpx.get(f"{duet.url}/api/users/me", headers={"Authorization": "Bearer marker.marker.marker"})
    text = httpx.get(f"{duet.url}/metrics?marker=1").text
    for secret in ("marker", "Marker", user.id, api.access_token, api.refresh_token):
        assert secret not in text
    labels = {label for _, pairs in figures(duet.url) for label in pairs}
    names = {name for name, _ in labels}
    assert names == {"version", "result", "event", "half", "method", "route", "status", "le", "pool", "state"}


def test_two_in_one_process_do_not_mix(duet: Running, tmp_path: pathlib.Path) -> None:
    """None of our metrics is in the library's global registry."""
    other = create_app(make_settings(tmp_path / "other"))
    try:
        duet.auth.earlier_tokens.counts.accepted += 3
        assert other.state.auth.earlier_tokens.counts.accepted == 0
        assert not [family for family in REGISTRY.collect() if family.name.startswith("duet")]
        found = figures(duet.url)
        assert found["duet_legacy_tokens_total", (("result", "accepted"),)] == 3
    finally:
        other.state.auth.passwords.close()


def test_requests_are_counted_by_their_routes(duet: Running, browser: Browser, api: ApiClient) -> None:
    """Requests are counted by half, method, template and status, and no label comes from a stranger."""
    for number in range(3):
        assert api.get(f"/api/users/me?secret={number}").status_code == 401
        assert browser.get(f"/verify-email/secret{number}").status_code == 400
        assert browser.get(f"/nothing/secret{number}").status_code == 404
    browser.request("SECRET", "/login")
    found = figures(duet.url)
    counts = {labels: value for (name, labels), value in found.items() if name == "duet_requests_total"}
    values = {tuple(value for _, value in labels): count for labels, count in counts.items()}
    assert values["api", "GET", "/api/users/me", "401"] == 3
    assert values["pages", "GET", "/verify-email/<token>", "400"] == 3
    assert values["pages", "GET", "-", "404"] == 3
    assert "secret" not in httpx.get(f"{duet.url}/metrics").text.lower()
    labels = (("half", "api"), ("route", "/api/users/me"))
    assert found["duet_request_seconds_count", labels] == 3
    assert 0 < found["duet_request_seconds_sum", labels] < 30
    classes = [
        value for (name, of), value in found.items() if name == "duet_request_seconds_bucket" and labels[1] in of
    ]
    assert classes == sorted(classes)
    assert classes[-1] == 3


def test_what_people_do_is_counted(duet: Running, api: ApiClient) -> None:
    """Logins, refreshes and the effects of stolen tokens are counted by their outcome."""
    duet.make_user()
    api.log_in(password="not the password")
    api.log_in()
    first = api.refresh_token
    for _ in range(2):
        assert api.refresh(first).status_code == 200
    api.refresh()
    assert api.refresh(first).status_code == 400
    found = figures(duet.url)
    assert found["duet_logins_total", (("result", "in"),)] == 1
    assert found["duet_logins_total", (("result", "failed"),)] == 1
    refreshes = [found["duet_refreshes_total", (("result", each),)] for each in ("rotated", "repeated", "reused")]
    assert refreshes == [2, 1, 1]
    assert found["duet_events_total", (("event", "registered"),)] == 1
    assert found["duet_revocations_remembered", ()] == 1


def test_the_database_and_the_threads_are_seen(duet: Running, browser: Browser) -> None:
    """The metrics show how long calls take, how many failed, whether the database is away, and how full the pools
    are."""
    browser.get("/login")
    before = figures(duet.url)
    duet.make_user()
    found = figures(duet.url)
    wait_until(lambda: figures(duet.url)["duet_store_seconds_count", ()] > before["duet_store_seconds_count", ()])
    assert (found["duet_store_errors_total", ()], found["duet_store_away", ()]) == (0, 0)
    assert found["duet_pool_requests", (("pool", "pages"), ("state", "places"))] == duet.settings.web_threads
    assert found["duet_pool_requests", (("pool", "slow-pages"), ("state", "running"))] == 0
    assert found["process_max_fds", ()] > 0
    duet.wait(duet.app.state.auth.accounts.store.close())
    with ApiClient(duet.url) as client:
        assert client.log_in().status_code == 503
    assert figures(duet.url)["duet_store_errors_total", ()] >= 1


def test_the_dashboard_asks_for_what_there_is(duet: Running, browser: Browser) -> None:
    """Every metric in a query of the Grafana dashboard is one that Duet exports."""
    duet.make_user()
    browser.get("/login")
    told = {name for name, _ in figures(duet.url)}
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"\b(?:duet|process)_\w+", query)}
    assert len(queries) > 10
    assert asked <= told
