"""Item 42: the metrics are not for strangers, and tell nobody who has an account."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.auth.models import Client, Letter
from app.observing.pulse import PAUSE
from app.observing.readers import Readers
from app.scope import HANDED_ON
from app.settings import SettingsError
from app.store import open_dump
from tests.attacks.conftest import new_address
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running, make_settings, running
from tests.kit.live import talk
from tests.kit.programs import wait_until

TOKEN = "5f1b0c97d2a84e63b70fc1e29ad6483556c0b7a1"
FRESH = "seven sober walruses hum"


def ask(duet: Running, *lines: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and answer to a request for the metrics with these header lines, the `Host` included."""
    head = "\r\n".join([f"{method} /metrics HTTP/1.1", *lines, "Connection: close", "", ""])
    answer = talk(duet.url, head.encode())
    return int(answer.split(b" ", 2)[1]), answer


HERE = "Host: 127.0.0.1:8000"
#: What says that a request was handed on, or is for another machine.
FROM_AFAR = [
    (HERE, "X-Forwarded-For: 203.0.113.9"),
    (HERE, "X-Forwarded-For: 127.0.0.1"),
    (HERE, "X-Forwarded-For:"),
    (HERE, "x_forwarded_for: 127.0.0.1"),
    (HERE, "X-Forwarded-Proto: https"),
    (HERE, "X-Forwarded-Host: localhost"),
    (HERE, "X-Forwarded: yes"),
    (HERE, "Forwarded: for=127.0.0.1"),
    (HERE, "Via: 1.1 proxy"),
    (HERE, "X-Real-IP: 127.0.0.1"),
    (HERE, "True-Client-IP: 127.0.0.1"),
    (HERE, "CF-Connecting-IP: 127.0.0.1"),
    (HERE, "X-Client-IP: 127.0.0.1"),
    (HERE, "X-Envoy-External-Address: 127.0.0.1"),
    ("Host: duet.example.com",),
    ("Host: localhost.example.com",),
    ("Host: 127.0.0.1.example.com",),
    ("Host: 203.0.113.9",),
]


@pytest.fixture(scope="module", params=["", "127.0.0.1"], ids=["nobody", "the proxy"])
def closed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet without a token, which trusts nobody, or a proxy on this machine."""
    with running(make_settings(tmp_path_factory.mktemp("duet"), trusted_proxies=request.param)) as one:
        yield one


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with a token."""
    with running(make_settings(tmp_path_factory.mktemp("duet"), metrics_token=TOKEN)) as one:
        yield one


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("lines", FROM_AFAR, ids=str)
def test_s42_what_a_proxy_hands_on_is_a_stranger_s(closed: Running, lines: tuple[str, ...], method: str) -> None:
    """A request from this machine that somebody handed on gets a 404, whether or not the proxy is trusted."""
    status, answer = ask(closed, *lines, method=method)
    assert status == 404
    assert b"duet_" not in answer


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "127.0.0.5", "[::1]:80"]
)
def test_s42_whoever_asks_on_this_machine_is_answered(closed: Running, host: str) -> None:
    """Without a word of a proxy, this machine's own names lead to the metrics."""
    assert ask(closed, f"Host: {host}")[0] == 200


@pytest.mark.parametrize(
    ("client", "may"),
    [
        (("127.0.0.1", 1), True),
        (("127.8.8.8", 1), True),
        (("::1", 1), True),
        (("203.0.113.9", 1), False),
        (("192.168.1.5", 1), False),
        (("10.0.0.1", 1), False),
        (("fe80::1", 1), False),
        (("testclient", 1), False),
        (None, False),
    ],
)
def test_s42_another_machine_is_a_stranger(client: tuple[str, int] | None, may: bool) -> None:
    """Only the loopback interface is this machine, and only if the edge has looked at the headers."""
    scope: dict[str, Any] = {"client": client, "headers": [(b"host", b"localhost")], HANDED_ON: False}
    assert Readers("").include(scope) == may
    assert not Readers("").include({**scope, HANDED_ON: True})
    del scope[HANDED_ON]
    assert not Readers("").include(scope)


def test_s42_a_stranger_sees_what_there_is_not(closed: Running) -> None:
    """The 404 is a page like that of an address at which there is nothing."""
    _, answer = ask(closed, "Host: duet.example.com")
    assert b"Go to the home page" in answer
    assert b"metrics" not in answer.lower()


def test_s42_the_token_opens_the_metrics_from_anywhere(guarded: Running) -> None:
    """Whoever shows the token is answered, through a proxy as well; the scheme's case does not matter."""
    for line in (f"Authorization: Bearer {TOKEN}", f"authorization: bearer  {TOKEN}"):
        for lines in [(HERE,), *FROM_AFAR]:
            status, answer = ask(guarded, *lines, line)
            assert status == 200
            assert b"duet_requests_total" in answer
    assert ask(guarded, HERE)[0] == 200


@pytest.mark.parametrize(
    "shown",
    [
        (),
        ("Authorization: Bearer",),
        (f"Authorization: Bearer {TOKEN[:-1]}",),
        (f"Authorization: Bearer {TOKEN}0",),
        (f"Authorization: Bearer {TOKEN.upper()}",),
        (f"Authorization: Basic {TOKEN}",),
        (f"Authorization: {TOKEN}",),
        (f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {TOKEN}"),
        (f"Authorization: Bearer {SECRET}",),
    ],
    ids=str,
)
def test_s42_without_the_token_a_stranger_is_told_to_show_it(guarded: Running, shown: tuple[str, ...]) -> None:
    """A missing or wrong token is a 401 with the challenge, and a wrong one on this machine too."""
    for lines in [("Host: duet.example.com",), *([(HERE,)] if shown else [])]:
        status, answer = ask(guarded, *lines, *shown)
        assert status == 401
        assert b'www-authenticate: bearer realm="metrics"' in answer.lower()
        assert b"duet_" not in answer


def test_s42_no_login_opens_the_metrics(guarded: Running) -> None:
    """Neither an admin's access token nor an admin's session is METRICS_TOKEN."""
    email = guarded.make_user(new_address(), roles=("admin",)).email
    afar = {"Host": "duet.example.com"}
    with ApiClient(guarded.url) as api, Browser(guarded.url) as browser:
        api.log_in(email)
        browser.log_in(email)
        assert api.get("/metrics", headers=afar).status_code == 401
        assert browser.get("/metrics", headers=afar).status_code == 401


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (TOKEN[:31], "shorter than 32 bytes"),
        ("changeme" * 8, "well-known"),
        ("x" * 40, "too few different"),
        (f"{TOKEN} {TOKEN}", "no bearer token"),
        (f"{TOKEN}ä", "no bearer token"),
    ],
)
def test_s42_a_token_that_can_be_guessed_is_refused(tmp_path: Path, token: str, reason: str) -> None:
    """The token is judged like SECRET_KEY, and has only characters that Prometheus can send."""
    with pytest.raises(SettingsError, match=f"METRICS_TOKEN.*{reason}") as refused:
        make_settings(tmp_path, metrics_token=token)
    assert token not in str(refused.value)


def test_s42_the_token_is_no_other_secret(tmp_path: Path) -> None:
    """What readers of the metrics have must not sign anything, nor have signed it."""
    for given in (
        {"secret_key": TOKEN},
        {"secret_key_fallbacks": TOKEN},
        {"legacy_jwt_key": TOKEN, "legacy_jwt_until": "2027-01-31"},
    ):
        with pytest.raises(SettingsError, match=r"METRICS_TOKEN is another secret"):
            make_settings(tmp_path, metrics_token=TOKEN, **given)
    (tmp_path / "secret.key").write_text(TOKEN)
    with pytest.raises(SettingsError, match=r"METRICS_TOKEN is another secret"):
        make_settings(tmp_path, metrics_token=TOKEN, secret_key="").secrets()


# what the figures tell


@pytest.fixture
def quiet(database_url: str, tmp_path: Path) -> Iterator[Running]:
    """A Duet on each store, where registrations tell nobody whose email address is taken."""
    settings = make_settings(tmp_path, database_url=database_url, require_verified_email=True)
    with running(settings) as one:
        yield one


def figures(duet: Running) -> Counter[tuple[str, str]]:
    """All figures, but durations, what moves with the time, and the process' own, which are coarse."""
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(httpx.get(f"{duet.url}/metrics").text):
        for sample in family.samples:
            is_time = sample.name.endswith("_sum") or sample.labels.get("le", "+Inf") != "+Inf"
            if not is_time and not sample.name.startswith(
                ("process_", "duet_store_seconds", "duet_hash_expected")
            ):
                found[sample.name, str(sample.labels)] = int(sample.value)
    return found


def has_letters(duet: Running) -> bool:
    """Whether a mail still waits."""
    dump = open_dump(duet.settings.database)
    try:
        return any(isinstance(record, Letter) for record in dump.read())
    finally:
        dump.close()


def forgot(duet: Running, email: str) -> None:
    httpx.post(f"{duet.url}/api/auth/forgot-password", json={"email": email}).raise_for_status()


def forgot_page(duet: Running, email: str) -> None:
    with Browser(duet.url) as browser:
        assert browser.submit("/forgot-password", email=email).status_code < 400


def resend(duet: Running, email: str) -> None:
    httpx.post(f"{duet.url}/api/auth/resend-verification", json={"email": email}).raise_for_status()


def resend_page(duet: Running, email: str) -> None:
    with Browser(duet.url) as browser:
        assert browser.submit("/resend-verification", email=email).status_code < 400


def register(duet: Running, email: str) -> None:
    body = {"email": email, "password": FRESH}
    assert httpx.post(f"{duet.url}/api/users", json=body).status_code == 202


def register_page(duet: Running, email: str) -> None:
    with Browser(duet.url) as browser:
        assert browser.submit("/register", email=email, name="", password=FRESH).status_code < 400


def register_invited(duet: Running, email: str) -> None:
    link = duet.wait(duet.auth.invitations.invite(None, Client("test")))
    body = {"email": email, "password": FRESH, "invite": duet.auth.links.token(link)}
    assert httpx.post(f"{duet.url}/api/users", json=body).status_code == 202


def guess(duet: Running, email: str) -> None:
    with ApiClient(duet.url) as api:
        assert api.log_in(email, "not the password at all").status_code == 400


def guess_page(duet: Running, email: str) -> None:
    with Browser(duet.url) as browser:
        assert browser.log_in(email, "not the password at all").status_code == 401


def move(duet: Running, email: str) -> None:
    """Somebody with an account asks for another's email address."""
    stranger = duet.make_user(new_address(), is_email_verified=True).email
    with ApiClient(duet.url) as api:
        api.log_in(stranger)
        body = {"password": PASSWORD, "email": email}
        assert api.post("/api/users/me/email", json=body).status_code == 202


CALLS: list[Callable[[Running, str], None]] = [
    forgot, forgot_page, resend, resend_page, register, register_page, register_invited, guess, guess_page, move,
]  # fmt: skip


def test_s42_no_figure_tells_who_has_an_account(quiet: Running) -> None:
    """Around each call that a stranger can make, all figures move alike for email addresses with and without an
    account."""
    for call in CALLS:
        moved = []
        for is_verified in (None, True, False):
            email = new_address()
            if is_verified is not None:
                quiet.make_user(email, is_email_verified=is_verified)
            before = figures(quiet)
            call(quiet, email)
            wait_until(lambda: not has_letters(quiet))
            after = figures(quiet)
            moved.append({name: after[name] - before[name] for name in after if after[name] != before[name]})
        assert moved[0] == moved[1] == moved[2], call.__name__


def test_s42_calls_of_the_store_are_not_counted(quiet: Running) -> None:
    """What is told of the database's speed grows with the time, and not with what people ask of it."""

    def looks() -> float:
        text = httpx.get(f"{quiet.url}/metrics").text
        [line] = [line for line in text.splitlines() if line.startswith("duet_store_seconds_count")]
        return float(line.split()[1])

    began, before = time.monotonic(), looks()
    for _ in range(50):
        forgot(quiet, "ada@example.com")
    taken = looks() - before
    assert taken <= (time.monotonic() - began) / PAUSE + 1
    wait_until(lambda: looks() > before)


def test_s42_the_process_is_told_of_coarsely(quiet: Running) -> None:
    """Processor time comes in seconds and memory in MiB, and descriptors, such as a mail's, are not counted."""
    families = text_string_to_metric_families(httpx.get(f"{quiet.url}/metrics").text)
    found = {sample.name: sample.value for family in families for sample in family.samples}
    assert found["process_cpu_seconds_total"] % 1 == 0
    assert found["process_resident_memory_bytes"] % 1024**2 == 0
    assert found["process_resident_memory_bytes"] > 0
    assert "process_open_fds" not in found
