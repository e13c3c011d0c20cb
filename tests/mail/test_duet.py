"""Mail in a whole Duet: no request waits for it, no letter is lost, and its links lead to the site."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.deploy.process import served
from tests.kit.duet import ApiClient, Browser, make_settings, running
from tests.kit.mails import link_in, mail_with_link, read_mails
from tests.kit.programs import free_port
from tests.mail.servers import BadServer, mailbox

SITE = "https://duet.example.com"


def wait_until(holds: Callable[[], object], *, seconds: float = 15.0) -> None:
    """Waits until `holds` returns true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def rows(folder: Path, table: str) -> list[dict[str, object]]:
    """All rows of a table of the embedded database."""
    with closing(sqlite3.connect(folder / "duet.db")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(f"SELECT * FROM {table}")]


def make_due(folder: Path) -> None:
    """Turns back the due times in the queue, so that all letters are due."""
    with closing(sqlite3.connect(folder / "duet.db", timeout=10)) as database, database:
        database.execute("UPDATE letters SET due_at = 0")


def test_no_request_waits_for_a_server_that_hangs(tmp_path: Path) -> None:
    """The API and the page answer while the mail server still holds the connection."""
    server = BadServer({"MESSAGE": BadServer.HANG})
    with (
        server.running(),
        running(make_settings(tmp_path, smtp_url=server.url)) as duet,
        ApiClient(duet.url) as api,
        Browser(duet.url) as browser,
    ):
        duet.make_user()
        assert api.post("/api/auth/forgot-password", json={"email": "ada@example.com"}).status_code == 202
        wait_until(server.hanging.is_set)
        assert browser.submit("/forgot-password", email="ada@example.com").status_code in (200, 303)
        assert api.get("/healthz").status_code == 200
        assert server.hanging.is_set()
        assert len(rows(tmp_path, "letters")) == 2


def test_letters_outlive_a_restart(tmp_path: Path) -> None:
    """A letter that was asked for while nobody listened is sent by the next process, unnoticed by the person."""
    port = free_port()
    settings = make_settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{port}", public_url=SITE)
    with running(settings) as duet, ApiClient(duet.url) as api:
        duet.make_user()
        assert api.post("/api/auth/forgot-password", json={"email": "ada@example.com"}).status_code == 202
        wait_until(lambda: [row for row in rows(tmp_path, "letters") if row["attempts"]])
    [letter] = rows(tmp_path, "letters")
    make_due(tmp_path)
    with mailbox(port=port) as box, running(settings) as duet, ApiClient(duet.url) as api:
        wait_until(lambda: box.mails)
        [mail] = box.mails
        assert mail["Message-ID"] == f"<{letter['id']}@duet.example.com>"
        token = link_in(mail).removeprefix(f"{SITE}/reset-password/")
        new = {"token": token, "password": "another long password of mine"}
        assert api.post("/api/auth/reset-password", json=new).status_code == 204


def test_letters_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    """If Duet is killed while the server holds the message, it sends it again when the lease is over."""
    server = BadServer({"MESSAGE": BadServer.HANG})
    with server.running():
        with (
            served(tmp_path, SMTP_URL=server.url, RATE_LIMITS="0", REQUIRE_VERIFIED_EMAIL="1") as duet,
            ApiClient(duet.url) as api,
        ):
            new = {"email": "ada@example.com", "password": "a long password of mine", "name": "Ada"}
            assert api.post("/api/users", json=new).status_code == 202
            wait_until(server.hanging.is_set)
            duet.process.kill()
            duet.process.wait()
        make_due(tmp_path / "data")
        server.answers.clear()
        with served(tmp_path, SMTP_URL=server.url):
            wait_until(lambda: not rows(tmp_path / "data", "letters"))
        assert len(server.messages) == 2
        log = duet.log.read_text()
    assert "ada@example.com" not in log
    assert "/verify-email/" not in log


@pytest.mark.parametrize("path", ["/api/auth/forgot-password", "/forgot-password"])
def test_links_are_the_sites_own(tmp_path: Path, path: str) -> None:
    """The link leads to PUBLIC_URL, with any `Host` or `X-Forwarded-Host` in the request."""
    with running(make_settings(tmp_path, public_url=SITE)) as duet:
        duet.make_user()
        evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": SITE}
        with Browser(duet.url, headers=evil) as browser:
            if path.startswith("/api"):
                browser.post(path, json={"email": "ada@example.com"})
            else:
                # The session cookie is Secure on this site, so the test carries it over the plain connection.
                page = browser.get(path)
                browser.headers["Cookie"] = page.headers["Set-Cookie"].partition(";")[0]
                browser.submit(path, email="ada@example.com")
        mail = mail_with_link(duet.outbox, "reset-password", to="ada@example.com")
    assert link_in(mail).startswith(f"{SITE}/reset-password/")
    assert "evil" not in str(mail)


def test_a_stolen_queue_opens_nothing(tmp_path: Path) -> None:
    """The rows of letters and links never hold a link's token, before or after it was sent."""
    port = free_port()
    with running(make_settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{port}")) as duet, ApiClient(duet.url) as api:
        duet.make_user()
        api.post("/api/auth/forgot-password", json={"email": "ada@example.com"})
        wait_until(lambda: [row for row in rows(tmp_path, "letters") if row["attempts"]])
        before = f"{rows(tmp_path, 'letters')}{rows(tmp_path, 'links')}"
        with mailbox(port=port) as box:
            make_due(tmp_path)
            wait_until(lambda: box.mails)
        token = link_in(box.mails[0]).rpartition("/")[2]
        after = f"{rows(tmp_path, 'letters')}{rows(tmp_path, 'links')}"
    assert "http" not in before + after
    assert token.partition(".")[2] not in before + after


def test_nobody_has_the_address_and_nothing_is_sent(tmp_path: Path) -> None:
    """The answer and the letter in the queue are the same as ever, but no mail is sent."""
    with running(make_settings(tmp_path)) as duet, ApiClient(duet.url) as api:
        duet.make_user()
        answers = [
            api.post("/api/auth/forgot-password", json={"email": email})
            for email in ("nobody@example.com", "ada@example.com")
        ]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].content == answers[1].content
        read_mails(duet.outbox, to="ada@example.com")
        wait_until(lambda: not rows(tmp_path, "letters"))
        assert len(read_mails(duet.outbox, count=0)) == 1
