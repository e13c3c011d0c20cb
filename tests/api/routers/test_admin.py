"""`/api/admin/users`: what admins do with accounts, and who is refused."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.models import API_CLIENT, Client, User
from app.auth.tokens import AccessTokens
from tests.api.answers import oauth_error, plain, pointers, problem
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running
from tests.kit.mails import mail_with_link

SignIn = Callable[..., ApiClient]
MARK = "Marker7Zq"
USER = {"id", "email", "name", "roles", "is_active", "is_email_verified", "created_at"}
#: Every call of the administration, with `{}` for the id of an account.
READS = [
    ("GET", "/users"),
    ("GET", "/users/{}"),
    ("GET", "/users/{}/sessions"),
    ("GET", "/invites"),
    ("GET", "/audit"),
    ("GET", "/audit.csv"),
]
CHANGES = [
    ("PATCH", "/users/{}"),
    ("DELETE", "/users/{}"),
    ("DELETE", "/users/{}/sessions"),
    ("POST", "/users/{}/reset-password"),
    ("POST", "/invites"),
    ("DELETE", "/invites/{}"),
]
BODIES: dict[tuple[str, str], Any] = {("PATCH", "/users/{}"): {"roles": ["editor"]}, ("POST", "/invites"): {}}
_numbers = itertools.count()


@pytest.fixture
def admin(shared: Running, sign_in: SignIn) -> Iterator[ApiClient]:
    """An admin's client. There are other admins, so this one is not the last."""
    shared.make_user(f"admin{next(_numbers)}@example.com", roles=["admin"])
    email = f"admin{next(_numbers)}@example.com"
    shared.make_user(email, roles=["admin"])
    return sign_in(email)  # type: ignore[return-value]


def somebody(duet: Running, **given: Any) -> User:
    """An account that no other test uses."""
    return duet.make_user(f"member{next(_numbers)}@example.com", **given)


def call(client: ApiClient, method: str, path: str, user_id: str) -> httpx.Response:
    """Makes one of the calls in `READS` and `CHANGES`."""
    return client.request(method, f"/api/admin{path.format(user_id)}", json=BODIES.get((method, path)))


# who may


@pytest.mark.parametrize(("method", "path"), [*READS, *CHANGES], ids=" ".join)
def test_it_is_for_admins_alone(shared: Running, sign_in: SignIn, method: str, path: str) -> None:
    """Without a login it is a 401, without the role a 403 with a challenge; nothing happens to the account."""
    user = somebody(shared)
    url = f"{shared.url}/api/admin{path.format(user.id)}"
    assert problem(plain.request(method, url), 401)["code"] == "token_missing"
    for roles in ([], ["editor", "administrator"]):
        email = f"member{next(_numbers)}@example.com"
        shared.make_user(email, roles=roles)
        answer = call(sign_in(email), method, path, user.id)
        assert problem(answer, 403)["code"] == "role_missing"
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
    assert shared.wait(shared.auth.accounts.get(user.id)) == user


def stale(duet: Running, user: User) -> str:
    """An access token of a live session whose password was proven sixteen minutes ago."""
    auth = duet.auth
    pair = duet.wait(auth.sessions.log_in(user.email, PASSWORD, Client(API_CLIENT)))
    [session, *_] = duet.wait(auth.sessions.of(pair.principal))
    tokens = AccessTokens(
        auth.signing.book,
        issuer=auth.config.issuer,
        lifetime=auth.config.access_lifetime,
        clock=auth.clock,
    )
    return tokens.issue(user, replace(session, auth_time=auth.clock.now() - timedelta(minutes=16)))[0]


@pytest.mark.parametrize(("method", "path"), CHANGES, ids=" ".join)
def test_a_change_needs_a_recent_password(shared: Running, method: str, path: str) -> None:
    """If it is older than fifteen minutes, a 401 asks for it again (RFC 9470), and nothing happens."""
    chief, user = somebody(shared, roles=["admin"]), somebody(shared)
    headers = {"Authorization": f"Bearer {stale(shared, chief)}"}
    answer = plain.request(
        method, f"{shared.url}/api/admin{path.format(user.id)}", headers=headers, json=BODIES.get((method, path))
    )
    assert problem(answer, 401)["code"] == "login_stale"
    assert "insufficient_user_authentication" in answer.headers["WWW-Authenticate"]
    assert 'max_age="900"' in answer.headers["WWW-Authenticate"]
    assert shared.wait(shared.auth.accounts.get(user.id)) == user


@pytest.mark.parametrize(("method", "path"), READS, ids=" ".join)
def test_looking_needs_none(shared: Running, method: str, path: str) -> None:
    """An admin who logged in this morning may view accounts all day."""
    chief = somebody(shared, roles=["admin"])
    headers = {"Authorization": f"Bearer {stale(shared, chief)}"}
    answer = plain.request(method, f"{shared.url}/api/admin{path.format(chief.id)}", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path in [*READS, *CHANGES] if "{}" in path], ids=" ".join
)
def test_an_unknown_id_is_a_404(admin: ApiClient, method: str, path: str) -> None:
    """An unknown id of any form is a 404, because ids are opaque."""
    for user_id in ("nobody", "x" * 3000, "%00", "%ff", "$ne", "1' or '1'='1", "\U0001f600", "[$ne]"):
        answer = call(admin, method, path, user_id)
        assert answer.status_code in (400, 404), answer.text
        problem(answer, answer.status_code)


# looking


def test_an_account_is_shown_as_its_owner_sees_it(shared: Running, admin: ApiClient, sign_in: SignIn) -> None:
    """The admin sees the same fields as the owner, and nothing of the password."""
    owner = sign_in()
    own = owner.get("/api/users/me").json()
    answer = admin.get(f"/api/admin/users/{own['id']}")
    assert answer.status_code == 200
    assert answer.json() == own
    assert set(own) == USER


def test_the_list_finds_by_the_beginning_of_address_name_and_last_name(shared: Running, admin: ApiClient) -> None:
    """The search ignores case, and does not find text in the middle of a word."""
    word = f"zq{next(_numbers)}x"
    by_email = shared.make_user(f"{word}@example.com", name="Somebody").id
    by_name = somebody(shared, name=f"{word.upper()} Somebody").id
    by_last_name = somebody(shared, name=f"Some {word.title()}").id
    somebody(shared, name=f"Some{word}body")
    found = admin.get("/api/admin/users", params={"query": word.upper()}).json()
    assert set(found) == {"items", "next_cursor"}
    assert [item["id"] for item in found["items"]] == [by_email, by_name, by_last_name]
    assert all(set(item) == USER for item in found["items"])
    assert found["next_cursor"] is None
    assert admin.get("/api/admin/users", params={"query": f"nobody{word}"}).json()["items"] == []


def _fill(duet: Running, count: int) -> set[str]:
    """The ids of that many new accounts, stored at once with the password of the first of them."""
    first = duet.make_user("m000@example.com")
    emails = [f"m{number:03}@example.com" for number in range(1, count)]
    users = [replace(first, id=uuid.uuid4().hex, email=email, email_key=email) for email in emails]
    assert duet.wait(duet.auth.accounts.store.add_users(users)) == []
    return {first.id, *(user.id for user in users)}


def test_pages_show_each_once_while_accounts_are_made(tmp_path: Path, database_url: str) -> None:
    """Pages of 40 show each of 250 accounts once, while others are added before and behind the cursor."""
    with running(make_settings(tmp_path, database_url=database_url)) as duet, ApiClient(duet.url) as client:
        duet.make_user("m-admin@example.com", roles=["admin"])
        wanted = _fill(duet, 250)
        client.log_in("m-admin@example.com")
        seen: list[str] = []
        cursor, pages = "", 0
        while cursor is not None:
            body = client.get("/api/admin/users", params={"limit": 40, "cursor": cursor, "query": "m"}).json()
            assert len(body["items"]) == 40 or body["next_cursor"] is None
            seen += [item["id"] for item in body["items"]]
            cursor = body["next_cursor"]
            pages += 1
            duet.make_user(
                f"a{pages}@example.com", name="Mabel"
            )  # before the cursor, but found by name at the end
            duet.make_user(f"m{pages:03}a@example.com")  # before the cursor, or just behind it
            duet.make_user(f"mzz{pages}@example.com")  # behind it
            assert pages < 20
        assert len(seen) == len(set(seen)), "somebody is there twice"
        assert wanted <= set(seen)


@pytest.mark.parametrize("path", ["/api/admin/users", "/api/admin/audit", "/api/users/me/audit"])
def test_limits_and_cursors_are_checked(admin: ApiClient, path: str) -> None:
    """A made-up cursor, a limit out of range and a misspelled parameter are a 422 with a pointer."""
    for limit in ("0", "-1", "201", "x", "", "1.5", "9" * 30, "1e2"):
        assert pointers(admin.get(path, params={"limit": limit})) == ["/limit"], limit
    for cursor in ("x", MARK, "..", "A" * 5000, "\U0001f600", "eyJhIjoxfQ", "W10", "WzEsMiwzLDQsNSw2XQ", "bnVsbA"):
        answer = admin.get(path, params={"cursor": cursor})
        assert pointers(answer) == ["/cursor"], cursor
        assert MARK not in answer.text
    answer = admin.get(path, params={MARK: "1"})
    assert problem(answer, 422)["errors"]
    assert MARK not in answer.text
    for size in (1, 200):
        assert admin.get(path, params={"limit": size}).status_code == 200
    assert len(admin.get(path, params={"limit": 1}).json()["items"]) == 1


def test_a_cursor_of_another_list_is_refused_or_harmless(admin: ApiClient) -> None:
    """Lists do not share cursors, and a foreign one is never a server error."""
    for path, other in (("/api/admin/users", "/api/admin/audit"), ("/api/admin/audit", "/api/admin/users")):
        cursor = admin.get(path, params={"limit": 1}).json()["next_cursor"]
        assert cursor
        assert admin.get(other, params={"cursor": cursor}).status_code in (200, 422)


# changing


def test_a_disabled_account_is_out_at_once_on_both_halves(
    shared: Running, admin: ApiClient, sign_in: SignIn
) -> None:
    """Its token, its pages and its login stop working; after it is enabled again it may log in (item 9)."""
    client = sign_in()
    user = client.get("/api/users/me").json()
    with Browser(shared.url, verify=False) as browser:
        browser.log_in(user["email"])
        assert browser.get("/account").status_code == 200
        answer = admin.patch(f"/api/admin/users/{user['id']}", json={"is_active": False})
        assert answer.status_code == 200
        assert answer.json() == {**user, "is_active": False}
        assert browser.get("/account").status_code == 303
    assert problem(client.get("/api/users/me"), 401)["code"] == "account_disabled"
    oauth_error(client.refresh(), "invalid_grant")
    oauth_error(client.log_in(user["email"]), "invalid_grant")
    assert admin.patch(f"/api/admin/users/{user['id']}", json={"is_active": True}).json() == user
    assert client.log_in(user["email"]).status_code == 200


def test_roles_count_at_once(shared: Running, admin: ApiClient, sign_in: SignIn) -> None:
    """A role that was given counts with the next token; when one is taken away, older tokens are dead (item 9)."""
    client = sign_in()
    user = client.get("/api/users/me").json()
    given = admin.patch(f"/api/admin/users/{user['id']}", json={"roles": ["editor", "admin", "editor"]})
    assert given.json() == {**user, "roles": ["admin", "editor"]}
    assert problem(client.get("/api/users/me"), 401)["code"] == "rights_changed"
    assert client.refresh().status_code == 200
    assert client.get("/api/admin/users").status_code == 200
    taken = admin.patch(f"/api/admin/users/{user['id']}", json={"roles": []})
    assert taken.json()["roles"] == []
    assert client.get("/api/admin/users").status_code == 401
    client.refresh()
    assert problem(client.get("/api/admin/users"), 403)["code"] == "role_missing"


def test_both_are_changed_together(shared: Running, admin: ApiClient) -> None:
    """One call changes both roles and activity."""
    user = somebody(shared)
    answer = admin.patch(f"/api/admin/users/{user.id}", json={"is_active": False, "roles": ["editor"]})
    assert (answer.json()["is_active"], answer.json()["roles"]) == (False, ["editor"])


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, [""]),
        ({"is_active": None}, [""]),
        ({"is_active": None, "roles": None}, [""]),
        ({"is_active": "false"}, ["/is_active"]),
        ({"is_active": 0}, ["/is_active"]),
        ({"is_active": {"$ne": None}}, ["/is_active"]),
        ({"roles": "admin"}, ["/roles"]),
        ({"roles": {"$ne": None}}, ["/roles"]),
        ({"roles": [{"$ne": None}]}, ["/roles/0"]),
        ({"roles": ["a", None]}, ["/roles/1"]),
        ({"roles": ["A"]}, ["/roles"]),
        ({"roles": [f"{MARK}\n"]}, ["/roles"]),
        ({"roles": [""]}, ["/roles"]),
        ({"roles": [MARK.lower() * 4]}, ["/roles"]),
        ({"roles": [MARK * 20]}, ["/roles/0"]),
        ({"roles": [f"r{number}" for number in range(21)]}, ["/roles"]),
        ({"roles": [f"r{number}" for number in range(101)]}, ["/roles"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_change_is_pointed_at(
    shared: Running, admin: ApiClient, body: dict[str, Any], where: list[str]
) -> None:
    """A change needs at least one of the two fields, each of its type; nothing is echoed."""
    user = somebody(shared)
    answer = admin.patch(f"/api/admin/users/{user.id}", json=body)
    assert pointers(answer) == where
    assert MARK not in answer.text
    assert MARK.lower() not in answer.text
    assert shared.wait(shared.auth.accounts.get(user.id)) == user


@pytest.mark.parametrize(
    "field", ["id", "email", "name", "password", "is_email_verified", "rights_version", "$set"]
)
def test_nothing_else_can_be_changed(shared: Running, admin: ApiClient, field: str) -> None:
    """Unknown fields are refused, so that none is dropped silently (item 33)."""
    user = somebody(shared)
    answer = admin.patch(f"/api/admin/users/{user.id}", json={"roles": [], field: "x"})
    problem(answer, 422)
    assert shared.wait(shared.auth.accounts.get(user.id)) == user


def test_a_deleted_account_is_gone(shared: Running, admin: ApiClient, sign_in: SignIn) -> None:
    """Deleting is a 204, then a 404; tokens and login no longer count, and the email address is free."""
    client = sign_in()
    user = client.get("/api/users/me").json()
    answer = admin.delete(f"/api/admin/users/{user['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(client.get("/api/users/me"), 401)["code"] == "account_deleted"
    oauth_error(client.log_in(user["email"]), "invalid_grant")
    for method in ("GET", "DELETE"):
        problem(admin.request(method, f"/api/admin/users/{user['id']}"), 404)
    again = plain.post(f"{shared.url}/api/users", json={"email": user["email"], "password": PASSWORD})
    assert again.status_code == 201
    assert again.json()["id"] != user["id"]


def test_sessions_are_shown_and_ended(shared: Running, admin: ApiClient, sign_in: SignIn) -> None:
    """The list shows an account's sessions on both halves, none as the admin's current one, and all are ended."""
    client = sign_in()
    user_id = client.get("/api/users/me").json()["id"]
    with Browser(shared.url, verify=False) as browser:
        browser.log_in(client.email)  # type: ignore[attr-defined]
        found = admin.get(f"/api/admin/users/{user_id}/sessions").json()
        assert sorted(one["client_id"] for one in found) == ["api", "web"]
        assert not any(one["current"] for one in found)
        answer = admin.delete(f"/api/admin/users/{user_id}/sessions")
        assert (answer.status_code, answer.content) == (204, b"")
        assert browser.get("/account").status_code == 303
    assert problem(client.get("/api/users/me"), 401)["code"] == "session_revoked"
    assert admin.get(f"/api/admin/users/{user_id}/sessions").json() == []
    assert client.log_in(client.email).status_code == 200  # type: ignore[attr-defined]


def test_a_reset_is_mailed_to_the_owner(shared: Running, admin: ApiClient) -> None:
    """A 202 does not show the link, which only the owner gets; the old password counts until it is used."""
    user = somebody(shared)
    answer = admin.post(f"/api/admin/users/{user.id}/reset-password")
    assert answer.status_code == 202
    assert set(answer.json()) == {"detail"}
    mail_with_link(shared.outbox, "reset-password", to=user.email)
    with ApiClient(shared.url, verify=False) as client:
        assert client.log_in(user.email).status_code == 200


# the last admin


def last_admin(answer: httpx.Response) -> None:
    """Checks that it is the 409 for the last admin."""
    assert problem(answer, 409)["code"] == "last_admin"


def test_the_last_admin_stays(tmp_path: Path, database_url: str) -> None:
    """Demoting, disabling or deleting the last admin, by any way, is a 409; with a second admin it works."""
    with running(make_settings(tmp_path, database_url=database_url)) as duet, ApiClient(duet.url) as client:
        only = duet.make_user("only@example.com", roles=["admin", "editor"])
        off = duet.make_user("off@example.com", roles=["admin"])
        duet.wait(duet.auth.administration.set_active(off.id, False, Client("test")))
        client.log_in(only.email)
        path = f"/api/admin/users/{only.id}"
        last_admin(client.patch(path, json={"roles": ["editor"]}))
        last_admin(client.patch(path, json={"is_active": False}))
        last_admin(client.patch(path, json={"is_active": False, "roles": []}))
        last_admin(client.delete(path))
        last_admin(client.request("DELETE", "/api/users/me", json={"password": PASSWORD}))
        assert problem(client.request("DELETE", "/api/users/me", json={"password": MARK}), 403)
        assert client.get(path).json()["roles"] == ["admin", "editor"]
        assert client.patch(path, json={"roles": ["admin"]}).status_code == 200  # still an admin
        client.refresh()
        assert client.patch(f"/api/admin/users/{off.id}", json={"is_active": True}).status_code == 200
        assert client.request("DELETE", "/api/users/me", json={"password": PASSWORD}).status_code == 204
        problem(client.get("/api/users/me"), 401)


def test_an_admin_may_demote_disable_and_delete_themself(shared: Running, sign_in: SignIn) -> None:
    """An admin may do so as long as there is another, and it counts at once."""
    somebody(shared, roles=["admin"])
    for method, body, code in (
        ("PATCH", {"roles": []}, "rights_changed"),
        ("PATCH", {"is_active": False}, "account_disabled"),
        ("DELETE", None, "account_deleted"),
    ):
        user = somebody(shared, roles=["admin"])
        client = sign_in(user.email)
        answer = client.request(method, f"/api/admin/users/{user.id}", json=body)
        assert answer.status_code in (200, 204)
        assert problem(client.get("/api/users/me"), 401)["code"] == code


def test_two_admins_who_demote_each_other_leave_one(tmp_path: Path, database_url: str) -> None:
    """Of two at the same moment, in six rounds, at most one succeeds, and there always is an admin."""
    acts: list[tuple[str, dict[str, Any] | None]] = [
        ("PATCH", {"roles": []}),
        ("PATCH", {"is_active": False}),
        ("DELETE", None),
    ]
    with running(make_settings(tmp_path, database_url=database_url)) as duet:
        for number, (method, body) in enumerate(acts * 2):
            pair = [duet.make_user(f"{name}{number}@example.com", roles=["admin"]) for name in ("a", "b")]
            before = [user for user in all_admins(duet) if user.id not in {one.id for one in pair}]
            for user in before:  # so that these two are the last
                duet.wait(duet.auth.administration.set_roles(user.id, [], Client("test")))
            clients = [ApiClient(duet.url, verify=False) for _ in pair]
            for client, user in zip(clients, pair, strict=True):
                client.log_in(user.email)
            gate = threading.Barrier(2)

            def strike(index: int) -> int:
                gate.wait(10)  # noqa: B023 - used before the next turn
                path = f"/api/admin/users/{pair[1 - index].id}"  # noqa: B023
                return clients[index].request(method, path, json=body).status_code  # noqa: B023

            with ThreadPoolExecutor(2) as pool:
                statuses = list(pool.map(strike, range(2)))
            assert sum(status in (200, 204) for status in statuses) == 1, statuses
            assert set(statuses) <= {200, 204, 401, 403, 409}
            assert len(all_admins(duet)) == 1
            for client in clients:
                client.close()


def all_admins(duet: Running) -> list[User]:
    """The active admins."""
    page = duet.wait(duet.auth.administration.search(limit=200))
    return [user for user in page.items if user.is_active and "admin" in user.roles]


def test_instants_have_a_zone(shared: Running, admin: ApiClient) -> None:
    """Each instant in an answer has a time zone, so that it can be compared anywhere."""
    item = admin.get("/api/admin/users", params={"limit": 1}).json()["items"][0]
    assert datetime.fromisoformat(item["created_at"]).tzinfo is not None
