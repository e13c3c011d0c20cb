"""Item 36: what the audit log tells about a bad day, and who may read it."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.auth.limits.throttle import GUESSES
from tests.attacks.conftest import new_address
from tests.attacks.logins.ways import post, try_api, try_page
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running
from tests.kit.mails import mail_with_link, token_in

#: It is typed where it does not belong, and nobody may read it in any log.
TYPED = "Mistyped-Secret-7Qm2"
AGENT = "attacker/1.0 (=cmd) \x1b[31m"
NEW = "seven sober walruses hum"


@dataclass(frozen=True)
class Day:
    """A bad day, and the people who were part of it."""

    duet: Running
    chief: ApiClient
    chief_id: str
    ada_id: str
    events: list[dict[str, Any]]

    def of(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """The log's lines with that event and those fields."""
        return [
            line
            for line in self.events
            if line["event"] == event and all(line[name] == value for name, value in fields.items())
        ]


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Everything happens once, on each store, and an admin reads about it."""
    folder = tmp_path_factory.mktemp("day")
    given: dict[str, Any] = {}
    if request.param == "mongodb":
        mongod: str = request.getfixturevalue("mongod_url")
        given["database_url"] = f"{mongod.rstrip('/')}/duet-test-{uuid.uuid4().hex}"
    with (
        running(make_settings(folder, rate_limits=True, **given)) as duet,
        ApiClient(duet.url, verify=False) as chief,
    ):
        duet.make_user("chief@example.com", roles=["admin"])
        chief.log_in("chief@example.com")
        ada = duet.make_user("ada@example.com")
        _ada_s_day(duet)
        _the_chief_s_day(duet, chief)
        events: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = chief.get("/api/admin/audit", params={"limit": 200, "cursor": cursor}).json()
            events += page["items"]
            cursor = page["next_cursor"]
        me = chief.get("/api/users/me").json()
        yield Day(duet, chief, me["id"], ada.id, events)


def _ada_s_day(duet: Running) -> None:
    """Logins, failures of every kind, reuse, refusals, a lockout, and a reset."""
    agent = {"User-Agent": AGENT.replace("\x1b", "")}
    with ApiClient(duet.url, verify=False, headers=agent) as api, Browser(duet.url, verify=False) as browser:
        try_api(duet, f"{TYPED}@example.com", PASSWORD)
        try_page(duet, TYPED, TYPED)
        try_api(duet, "ada@example.com", TYPED, headers=agent)
        browser.log_in()
        api.log_in()
        stolen = api.refresh_token
        for path in ("/api/admin/users", "/api/admin/audit"):
            api.get(path)
        browser.get("/admin")
        api.post("/api/users/me/password", json={"current_password": TYPED, "new_password": NEW})
        browser.submit("/reauthenticate", password=PASSWORD)
        api.refresh()
        api.refresh()
        assert api.refresh(stolen).status_code == 400
        browser.log_out()
        for _ in range(GUESSES.free + 1):
            try_api(duet, "ada@example.com", TYPED)
        post(duet, "/api/auth/forgot-password", json={"email": "ada@example.com"})
        token = token_in(mail_with_link(duet.outbox, "reset-password", to="ada@example.com"))
        assert post(duet, "/api/auth/reset-password", json={"token": token, "password": PASSWORD + "2"}).is_success


def _the_chief_s_day(duet: Running, chief: ApiClient) -> None:
    """Changes of every kind to another person's account, and an invitation."""
    bob = duet.make_user("bob@example.com")
    path = f"/api/admin/users/{bob.id}"
    assert chief.patch(path, json={"roles": ["editor", "admin"]}).is_success
    assert chief.patch(path, json={"is_active": False}).is_success
    assert try_api(duet, "bob@example.com", PASSWORD).status_code == 400
    assert chief.patch(path, json={"is_active": True}).is_success
    assert chief.delete(f"{path}/sessions").is_success
    assert chief.post(f"{path}/reset-password").is_success
    made = chief.post("/api/admin/invites", json={"email": new_address(), "roles": ["editor"]})
    assert chief.delete(f"/api/admin/invites/{made.json()['id']}").is_success
    personal = chief.post("/api/users/me/tokens", json={"name": TYPED})
    assert chief.delete(f"/api/users/me/tokens/{personal.json()['id']}").is_success
    assert chief.delete(path).is_success


#: What an admin did to an account.
CHANGES = {
    "roles_changed",
    "account_disabled",
    "account_enabled",
    "sessions_revoked",
    "password_reset_requested",
    "account_deleted",
}


def test_s36_log_ins_and_failures_are_written_with_who_and_where_from(day: Day) -> None:
    """Logins and failures on both halves are logged with the hidden reason and, where there is one, the
    account."""
    assert len(day.of("login", user_id=day.ada_id, ip="127.0.0.1")) == 2
    assert all(line["session_id"] for line in day.of("login"))
    assert len(day.of("login_failed", user_id=None, detail="unknown_address")) == 2
    assert len(day.of("login_failed", user_id=day.ada_id, detail="wrong_password")) >= 5
    assert len(day.of("login_failed", detail="disabled")) == 1
    # An account that was deleted since leaves no address.
    assert {line["ip"] for line in day.of("login_failed") if line["detail"] != "disabled"} == {"127.0.0.1"}
    [first, *_] = reversed(day.of("login_failed", user_id=day.ada_id))
    assert first["user_agent"] == "attacker/1.0 (=cmd) [31m"


def test_s36_refusals_reuse_and_lockouts_are_written(day: Day) -> None:
    """Each refusal and reuse is logged with the account it concerns; a lockout has one line and not one per
    guess."""
    assert len(day.of("refused", user_id=day.ada_id, detail="role_missing")) == 3
    assert len(day.of("refresh_reused", user_id=day.ada_id)) == 1
    assert len(day.of("login_blocked", user_id=day.ada_id)) == 1
    assert len(day.of("wrong_password", user_id=day.ada_id)) == 1
    assert len(day.of("reauthenticated", user_id=day.ada_id)) == 1
    assert len(day.of("logout", user_id=day.ada_id)) == 1
    assert day.of("password_reset_requested", user_id=None, actor_id=None)
    assert len(day.of("password_reset", user_id=day.ada_id)) == 1


def test_s36_changes_by_admins_name_both(day: Day) -> None:
    """The log names who made a change and whose account it was, even if the account is gone by now."""
    done = [line for line in day.events if line["actor_id"] == day.chief_id]
    assert {line["event"] for line in done} >= {*CHANGES, "invited", "invite_withdrawn"}
    assert [line["detail"] for line in done if line["event"] == "roles_changed"] == ["admin,editor"]
    assert all(line["user_id"] not in (None, day.chief_id) for line in done if line["event"] in CHANGES)
    assert day.of("personal_token_created", user_id=day.chief_id)
    assert day.of("personal_token_removed", user_id=day.chief_id)


def test_s36_the_log_is_the_same_wherever_it_is_read(day: Day) -> None:
    """JSON, CSV and page show the same log, and nothing in it was typed by anybody, except for the user agent."""
    text = day.chief.get("/api/admin/audit.csv").text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    told = [(row["event"], row["user_id"], row["detail"]) for row in rows]
    expected = [(line["event"], line["user_id"] or "", line["detail"]) for line in day.events]
    assert told[-len(expected) :] == expected
    with Browser(day.duet.url, verify=False) as browser:
        browser.log_in("chief@example.com")
        page = browser.get("/admin/audit").text
        for event in ("account_deleted", "refresh_reused", "login_blocked"):
            assert event in page
    for shown in (text, page, str(day.events)):
        for secret in (TYPED, PASSWORD, NEW, "\x1b"):
            assert secret not in shown


def test_s36_nobody_else_reads_it_and_nobody_changes_it(day: Day) -> None:
    """Strangers and people without the role are refused, and no method but GET exists."""
    with ApiClient(day.duet.url, verify=False) as eve:
        day.duet.make_user(email := new_address())
        for status in (401, 403):
            for path in ("/api/admin/audit", "/api/admin/audit.csv"):
                assert eve.get(path).status_code == status
            eve.log_in(email)
        own = eve.get("/api/users/me/audit").json()["items"]
        assert {line["event"] for line in own} <= {"registered", "login", "refused"}
        assert day.chief_id not in str(own)
        assert eve.get(f"/api/users/me/audit?user={day.ada_id}").status_code == 422
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/admin/audit", f"/api/admin/audit/{day.events[0]['id']}", "/api/users/me/audit"):
            assert day.chief.request(method, path).status_code in (404, 405)
