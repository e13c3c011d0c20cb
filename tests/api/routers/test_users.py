"""`/api/users`, one's own account, password and sessions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.answers import oauth_error, plain, pointers, problem
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running

SignIn = Callable[..., ApiClient]
MARK = "Marker7Zq"
_numbers = itertools.count()


def register(duet: Running, **fields: Any) -> httpx.Response:
    """Makes an account."""
    return plain.post(f"{duet.url}/api/users", json=fields)


def test_a_registration_answers_with_the_user(shared: Running) -> None:
    """A 201 shows the account as others will see it, and never anything of the password."""
    email = f"Reg{next(_numbers)}@Example.com"
    answer = register(shared, email=email, password=PASSWORD, name="  Ada ")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"id", "email", "name", "roles", "is_active", "is_email_verified", "created_at"}
    assert (body["email"], body["name"], body["roles"]) == (email.replace("Example", "example"), "Ada", [])
    assert (body["is_active"], body["is_email_verified"]) == (True, False)
    assert datetime.fromisoformat(body["created_at"]).tzinfo is not None
    assert PASSWORD not in answer.text
    with ApiClient(shared.url, verify=False) as client:
        assert client.log_in(email.upper()).status_code == 200
        assert client.get("/api/users/me").json() == body


def test_a_taken_address_is_a_conflict(shared: Running) -> None:
    """A taken email address, in any spelling, is a 409 at the field."""
    email = f"reg{next(_numbers)}@example.com"
    assert register(shared, email=email, password=PASSWORD).status_code == 201
    for spelling in (email, email.upper(), f" {email} "):
        answer = register(shared, email=spelling, password=PASSWORD)
        body = problem(answer, 409)
        assert body["code"] == "email_taken"
        assert body["errors"][0]["pointer"] == "/email"
        assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, ["/email", "/password"]),
        ({"email": "a@example.com"}, ["/password"]),
        ({"email": MARK, "password": PASSWORD}, ["/email"]),
        ({"email": "a@example.com", "password": "short" + MARK[:4]}, ["/password"]),
        ({"email": "a@example.com", "password": MARK * 200}, ["/password"]),
        ({"email": "a@example.com", "password": MARK * 1000}, ["/password"]),
        ({"email": f"{MARK * 100}@example.com", "password": PASSWORD}, ["/email"]),
        ({"email": "a@example.com", "password": PASSWORD, "name": f"{MARK}\nx"}, ["/name"]),
        ({"email": "a@example.com", "password": PASSWORD, "name": MARK * 100}, ["/name"]),
        ({"email": "a@example.com", "password": PASSWORD, "name": None}, ["/name"]),
        ({"email": {"$ne": None}, "password": {"$gt": MARK}}, ["/email", "/password"]),
        ({"email": [MARK], "password": 12345678901234567890}, ["/email", "/password"]),
        ({"email": True, "password": 1.5}, ["/email", "/password"]),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value)[:40],
)
def test_invalid_input_is_pointed_at_and_never_echoed(shared: Running, fields: Any, where: list[str]) -> None:
    """A 422 has a JSON pointer for each fault; FastAPI's own would send the password back (item 32)."""
    answer = register(shared, **fields)
    assert pointers(answer) == where
    assert MARK not in answer.text
    assert "input" not in answer.json()["errors"][0]


@pytest.mark.parametrize(
    "field", ["roles", "_id", "id", "is_active", "email_key", "password_hash", MARK, "$set", "__proto__"]
)
def test_unknown_fields_are_refused(shared: Running, sign_in: SignIn, field: str) -> None:
    """Nobody makes themselves an admin, and no misspelled field is dropped silently (item 33)."""
    email = f"reg{next(_numbers)}@example.com"
    answer = register(shared, email=email, password=PASSWORD, **{field: ["admin"]})
    assert problem(answer, 422)["errors"]
    assert MARK not in answer.text
    client = sign_in()
    problem(client.patch("/api/users/me", json={"name": "Ada", field: ["admin"]}), 422)
    problem(client.request("DELETE", "/api/users/me", json={"password": PASSWORD, field: 1}), 422)
    assert client.get("/api/users/me").json()["roles"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"1",
        b'"x"',
        b"[]",
        b"\xff\xfe\x00",
        b"{" * 3000,
        b'{"a":' * 12_000,
        b"[" * 60_000,
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": ' + b"1" * 5000 + b"}",
        b'{"name": "' + MARK.encode() + b'"',
        b"name=Ada",
    ],
    ids=lambda body: ascii(body[:20]),
)
def test_malformed_json_is_no_server_error(shared: Running, sign_in: SignIn, body: bytes) -> None:
    """Truncated, deep, wrongly encoded or half-surrogate JSON is a 422 or a 400 with problem details."""
    client = sign_in()
    kinds = {"Content-Type": "application/json"}
    for method, path in (("PATCH", "/api/users/me"), ("POST", "/api/users"), ("DELETE", "/api/users/me")):
        answer = client.request(method, path, content=body, headers=kinds)
        problem(answer, answer.status_code)
        assert answer.status_code in (400, 422)
        assert MARK not in answer.text
    assert client.get("/api/users/me").json()["name"] == "Ada"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_only_json_is_json(sign_in: SignIn, content_type: str | None) -> None:
    """A body that another site's form can send is not accepted as JSON."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    client = sign_in()
    answer = client.request("PATCH", "/api/users/me", content=b'{"name": "Eve"}', headers=headers)
    assert answer.status_code in (415, 422)
    problem(answer, answer.status_code)
    assert client.get("/api/users/me").json()["name"] == "Ada"


def test_a_closed_registration_is_a_plain_403(tmp_path: Path) -> None:
    """The 403 has no challenge, because other rights would not help."""
    with running(make_settings(tmp_path, registration="closed")) as duet:
        answer = register(duet, email="a@example.com", password=PASSWORD)
        assert problem(answer, 403)["code"] == "registration_closed"
        assert "WWW-Authenticate" not in answer.headers


def test_a_name_can_be_changed(sign_in: SignIn) -> None:
    """Only the name can be changed, and nothing else of one's account."""
    client = sign_in()
    before = client.get("/api/users/me").json()
    answer = client.patch("/api/users/me", json={"name": "  Ada Lovelace  "})
    assert answer.status_code == 200
    assert answer.json() == {**before, "name": "Ada Lovelace"} == client.get("/api/users/me").json()
    assert pointers(client.patch("/api/users/me", json={"name": "a\u202eb"})) == ["/name"]
    assert pointers(client.patch("/api/users/me", json={})) == ["/name"]


def test_a_password_change_ends_the_other_sessions(shared: Running, sign_in: SignIn) -> None:
    """It is a 204; this session goes on, and all others are over, on the pages too."""
    client = sign_in()
    email = client.email  # type: ignore[attr-defined]
    other = sign_in(email)
    with Browser(shared.url, verify=False) as browser:
        browser.log_in(email)
        wrong = client.post(
            "/api/users/me/password", json={"current_password": MARK, "new_password": PASSWORD * 2}
        )
        assert problem(wrong, 403)["code"] == "wrong_password"
        assert "WWW-Authenticate" not in wrong.headers
        short = client.post("/api/users/me/password", json={"current_password": PASSWORD, "new_password": MARK})
        assert pointers(short) == ["/new_password"]
        assert MARK not in wrong.text + short.text
        assert other.get("/api/users/me").status_code == browser.get("/account").status_code == 200
        right = client.post(
            "/api/users/me/password", json={"current_password": PASSWORD, "new_password": "a longer pass phrase"}
        )
        assert (right.status_code, right.content) == (204, b"")
        assert client.get("/api/users/me").status_code == 200
        assert problem(other.get("/api/users/me"), 401)["code"] == "password_changed"
        assert browser.get("/account").status_code == 303
    oauth_error(other.refresh(), "invalid_grant")
    oauth_error(other.log_in(email), "invalid_grant")
    assert other.log_in(email, "a longer pass phrase").status_code == 200
    assert client.refresh().status_code == 200


def test_an_account_can_be_deleted(shared: Running, sign_in: SignIn) -> None:
    """With the password it is a 204; nothing of the account works any more, and its email address is free."""
    client = sign_in()
    email = client.email  # type: ignore[attr-defined]
    other = sign_in(email)
    wrong = client.request("DELETE", "/api/users/me", json={"password": MARK})
    assert problem(wrong, 403)["code"] == "wrong_password"
    assert pointers(client.request("DELETE", "/api/users/me", json={})) == ["/password"]
    assert client.get("/api/users/me").status_code == 200
    right = client.request("DELETE", "/api/users/me", json={"password": PASSWORD})
    assert (right.status_code, right.content) == (204, b"")
    for one in (client, other):
        assert problem(one.get("/api/users/me"), 401)["code"] == "account_deleted"
        oauth_error(one.refresh(), "invalid_grant")
        oauth_error(one.log_in(email), "invalid_grant")
    assert register(shared, email=email, password=PASSWORD).status_code == 201


def test_the_session_list_shows_both_halves(shared: Running, sign_in: SignIn) -> None:
    """Each session has its time, IP address and device, and one of them is the current one."""
    client = sign_in()
    with Browser(
        shared.url, verify=False, headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/130"}
    ) as browser:
        browser.log_in(client.email)  # type: ignore[attr-defined]
        found = client.get("/api/users/me/sessions").json()
        assert len(found) == 2
        fields = {"id", "client_id", "created_at", "last_used_at", "expires_at", "ip", "user_agent", "current"}
        assert all(set(one) == fields for one in found)
        [own] = [one for one in found if one["current"]]
        [page] = [one for one in found if not one["current"]]
        assert (own["client_id"], page["client_id"]) == ("api", "web")
        assert (own["ip"], page["user_agent"]) == ("127.0.0.1", "Mozilla/5.0 (X11; Linux) Firefox/130")
        assert client.delete(f"/api/users/me/sessions/{page['id']}").status_code == 204
        assert browser.get("/account").status_code == 303
    assert [one["id"] for one in client.get("/api/users/me/sessions").json()] == [own["id"]]
    assert json.dumps(found).count("nonce") == 0


def test_all_others_or_one_can_be_ended(sign_in: SignIn) -> None:
    """Both are a 204; a session that is somebody else's, unknown or already ended is a 404."""
    client, stranger = sign_in(), sign_in()
    others = [sign_in(client.email) for _ in range(2)]  # type: ignore[attr-defined]
    foreign = stranger.get("/api/users/me/sessions").json()[0]["id"]
    for session_id in (foreign, "nothing", "x" * 3000, "%00", "%ff", "$ne", "..%2f", "\U0001f600"):
        answer = client.delete(f"/api/users/me/sessions/{session_id}")
        assert answer.status_code in (400, 404)
        problem(answer, answer.status_code)
    assert client.delete("/api/users/me/sessions").status_code == 204
    for other in others:
        assert problem(other.get("/api/users/me"), 401)["code"] == "session_revoked"
    assert stranger.get("/api/users/me").status_code == 200
    [own] = client.get("/api/users/me/sessions").json()
    assert client.delete(f"/api/users/me/sessions/{own['id']}").status_code == 204
    problem(client.get("/api/users/me"), 401)
