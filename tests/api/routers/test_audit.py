"""The audit log over the API: one's own events, everybody's, and as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.auth.models import Client
from tests.api.answers import plain, pointers, problem
from tests.kit.duet import ApiClient, Running, make_settings, running

SignIn = Callable[..., ApiClient]
OWN = {"id", "at", "event", "by_admin", "session_id", "ip", "user_agent", "detail", "repeated"}
EVENT = {"id", "at", "event", "user_id", "actor_id", "session_id", "ip", "user_agent", "detail", "repeated"}
_numbers = itertools.count()


@pytest.fixture
def admin(shared: Running, sign_in: SignIn) -> ApiClient:
    """An admin's client."""
    email = f"admin{next(_numbers)}@example.com"
    shared.make_user(email, roles=["admin"])
    return sign_in(email)


def items(client: ApiClient, path: str = "/api/admin/audit", **params: Any) -> list[dict[str, Any]]:
    """A page of a list."""
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"items", "next_cursor"}
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def lines(client: ApiClient, **params: Any) -> list[dict[str, str]]:
    """The lines of the CSV, as a program reads them."""
    answer = client.get("/api/admin/audit.csv", params=params)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_everybody_sees_their_own(shared: Running, sign_in: SignIn) -> None:
    """People see what happened to their account and from where, the newest first, and nothing of anybody else."""
    client, other = sign_in(), sign_in()
    me, they = (one.get("/api/users/me").json()["id"] for one in (client, other))
    client.patch("/api/users/me", json={"name": "Ada L"})
    client.post("/api/users/me/password", json={"current_password": "not it at all", "new_password": "x" * 20})
    found = items(client, "/api/users/me/audit")
    assert all(set(item) == OWN for item in found)
    assert {"login"} <= {item["event"] for item in found}
    instants = [datetime.fromisoformat(item["at"]) for item in found]
    assert instants == sorted(instants, reverse=True)
    [login] = [item for item in found if item["event"] == "login"]
    assert (login["ip"], login["by_admin"]) == ("127.0.0.1", False)
    assert they not in str(found)
    assert me != they
    problem(plain.get(f"{shared.url}/api/users/me/audit"), 401)


def test_one_sees_that_an_admin_did_something_and_not_who(
    shared: Running, admin: ApiClient, sign_in: SignIn
) -> None:
    """The owner sees neither the admin's id nor where they were; the admins' own list has both."""
    client = sign_in()
    me, chief = (one.get("/api/users/me").json()["id"] for one in (client, admin))
    admin.headers["User-Agent"] = "admins-browser"
    admin.patch(f"/api/admin/users/{me}", json={"roles": ["editor"]})
    client.refresh()
    [own] = [item for item in items(client, "/api/users/me/audit") if item["event"] == "roles_changed"]
    assert (own["by_admin"], own["ip"], own["user_agent"]) == (True, "", "")
    assert chief not in str(own)
    [full] = items(admin, user=me, event="roles_changed")
    assert set(full) == EVENT
    assert (full["user_id"], full["actor_id"], full["user_agent"]) == (me, chief, "admins-browser")


def test_filters_of_the_log(shared: Running, admin: ApiClient, sign_in: SignIn) -> None:
    """Events are filtered by account, given as an id or an email address in any spelling, by kind, and by both."""
    client = sign_in()
    me = client.get("/api/users/me").json()
    by_id = items(admin, user=me["id"])
    assert by_id == items(admin, user=me["email"].upper()) == items(admin, user=f" {me['email']} ")
    assert {item["user_id"] for item in by_id} == {me["id"]}
    logins = items(admin, event="login", limit=200)
    assert {item["event"] for item in logins} == {"login"}
    assert len({item["user_id"] for item in logins}) > 1
    assert [item["event"] for item in items(admin, event="login", user=me["id"])] == ["login"]
    for params in ({"user": "nobody@example.com"}, {"user": "nobody"}, {"event": "nothing"}, {"user": "@"}):
        assert items(admin, **params) == [], params
    for field in ("user", "event"):
        assert pointers(admin.get("/api/admin/audit", params={field: "x" * 1000})) == [f"/{field}"]
        assert admin.get("/api/admin/audit", params={f"{field}[$ne]": ""}).status_code == 422


async def _record(duet: Running, count: int, **given: Any) -> None:
    client = given.pop("client", Client("test"))
    for number in range(count):
        await duet.auth.audit.record("counted", client=client, detail=f"{number:05}", **given)
        if number % 50 == 0:
            await asyncio.sleep(0)


def test_pages_and_csv_hold_each_row_once(tmp_path: Path, database_url: str) -> None:
    """Pages, while rows are added, and the one file, which is read in batches, hold each of 1,100 rows once."""
    with running(make_settings(tmp_path, database_url=database_url)) as duet, ApiClient(duet.url) as client:
        duet.make_user("admin@example.com", roles=["admin"])
        client.log_in("admin@example.com")
        duet.wait(_record(duet, 1100))
        expected = [f"{number:05}" for number in reversed(range(1100))]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(
                "/api/admin/audit", params={"event": "counted", "limit": 200, "cursor": cursor}
            ).json()
            seen += [item["detail"] for item in body["items"]]
            cursor = body["next_cursor"]
            duet.wait(_record(duet, 1, user_id="late"))
        assert seen == expected
        details = [line["detail"] for line in lines(client, event="counted", user="")]
        assert details[-1100:] == expected
        assert len(details) == 1100 + 6
        assert len(lines(client, event="counted", user="late")) == 6
        assert len(lines(client)) > 1106


def test_the_csv_is_a_file_with_a_header(admin: ApiClient) -> None:
    """The CSV (RFC 4180) is an attachment that no cache keeps, and its columns are the log's."""
    answer = admin.get("/api/admin/audit.csv")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="duet-audit.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    first, _, rest = answer.text.partition("\r\n")
    assert first == "at,event,user_id,actor_id,session_id,ip,user_agent,detail"
    assert rest.endswith("\r\n")
    newest = lines(admin)[0]
    assert datetime.fromisoformat(newest["at"]).tzinfo is not None
    nothing = admin.get("/api/admin/audit.csv", params={"user": "nobody@example.com"})
    assert nothing.text == first + "\r\n"
    assert admin.get("/api/admin/audit.csv", params={"limit": 1}).status_code == 422


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff20"])
def test_a_spreadsheet_finds_no_formula(shared: Running, admin: ApiClient, start: str) -> None:
    """A sender chooses the user agent, and an admin opens the file, so no cell is a formula (CWE-1236)."""
    agent = f'{start}HYPERLINK("http://evil.example","click"),x'
    user_id = f"formula{ord(start)}"
    shared.wait(_record(shared, 1, user_id=user_id, client=Client("test", user_agent=agent)))
    [line] = lines(admin, user=user_id)
    assert line["user_agent"] == "'" + agent


def test_a_real_user_agent_is_defused_too(shared: Running, admin: ApiClient, sign_in: SignIn) -> None:
    """A header is defused on its way into the cell; tabs and line ends do not even get that far."""
    client = sign_in()
    with ApiClient(shared.url, verify=False, headers={"User-Agent": "=cmd|' /C calc'!A0"}) as evil:
        evil.log_in(client.email)  # type: ignore[attr-defined]
    agents = [line["user_agent"] for line in lines(admin, user=client.email, event="login")]  # type: ignore[attr-defined]
    assert "'=cmd|' /C calc'!A0" in agents
    assert not any(agent.startswith(("=", "+", "-", "@", "\t", "\r")) for agent in agents)
