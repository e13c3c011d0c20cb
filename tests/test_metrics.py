"""`/metrics`: in Prometheus' own format, open to everybody, and without a word of anybody."""

from __future__ import annotations

import pathlib
from datetime import datetime

import httpx
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from app.auth.models import Client
from app.main import VERSION, create_app
from tests.duet import ApiClient, Browser, Running, make_settings


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
    """The content type names the format; each metric says what it is."""
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
    """How many wait, for how long, and how many were refused."""
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
    """As `/healthz` is: with HEAD, and with no other method."""
    answer = httpx.head(f"{duet.url}/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 100
    assert httpx.post(f"{duet.url}/metrics").status_code == httpx.post(f"{duet.url}/healthz").status_code == 404
    assert httpx.get(f"{duet.url}/metrics/x").status_code == 404
    (rule,) = [rule for rule in duet.app.state.rules if rule.path == "/metrics"]
    assert (rule.half, rule.methods, str(rule.policy)) == ("root", ("GET", "HEAD"), "public")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_session_is_touched(duet: Running, browser: Browser) -> None:
    """Whoever looks at it in their browser is not renewed by that, as any page would."""
    user = duet.make_user()
    browser.log_in()
    # From now on the access token in the cookie waits to be renewed.
    duet.wait(duet.auth.administration.set_roles(user.id, ["editor"], Client("test")))
    store, auth = duet.auth.accounts._store, duet.auth

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
    """When something is wrong is when it is looked at."""
    duet.wait(duet.auth.accounts._store.close())
    assert ("duet_info", (("version", VERSION),)) in figures(duet.url)


def test_it_tells_nothing_of_anybody(duet: Running, api: ApiClient) -> None:
    """No address, id, token or path that anybody sent; the labels are a fixed set."""
    user = duet.make_user("marker@example.com", name="Marker")
    api.log_in("marker@example.com")
    for path in ("/marker", "/api/marker", f"/api/users/me?marker={api.access_token}"):
        api.get(path, headers={"User-Agent": "marker"})
    httpx.get(f"{duet.url}/api/users/me", headers={"Authorization": "Bearer marker.marker.marker"})
    text = httpx.get(f"{duet.url}/metrics?marker=1").text
    for secret in ("marker", "Marker", user.id, api.access_token, api.refresh_token):
        assert secret not in text
    labels = {label for _, pairs in figures(duet.url) for label in pairs}
    assert {name for name, _ in labels} == {"version", "result"}


def test_two_in_one_process_do_not_mix(duet: Running, tmp_path: pathlib.Path) -> None:
    """Nothing of ours is in the library's global registry."""
    other = create_app(make_settings(tmp_path / "other"))
    try:
        duet.auth.earlier_tokens.counts.accepted += 3
        assert other.state.auth.earlier_tokens.counts.accepted == 0
        assert not [family for family in REGISTRY.collect() if family.name.startswith("duet")]
        found = figures(duet.url)
        assert found["duet_legacy_tokens_total", (("result", "accepted"),)] == 3
    finally:
        other.state.auth.passwords.close()
