"""Personal access tokens on the API: created with a fresh login, used as bearer tokens, ended at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from app.api.deps import CurrentPrincipal, OptionalPrincipal
from app.auth.models import Client
from app.auth.policy import public, require
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, login_as
from app.testing import make_settings as kit_settings
from app.web.cookies import ACCESS_TOKEN
from tests.api.answers import oauth_error, plain, pointers, problem
from tests.kit.duet import PASSWORD, ApiClient, Running, make_settings, running

SignIn = Callable[..., ApiClient]
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def made(client: ApiClient, **given: Any) -> dict[str, Any]:
    """A new token of the client's account."""
    answer = client.post("/api/users/me/tokens", json={"name": "nightly report", **given})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def bearer(token: str) -> dict[str, str]:
    """The header that carries it."""
    return {"Authorization": f"Bearer {token}"}


def me(shared: Running, token: str) -> httpx.Response:
    """Asks for the account of the token."""
    return plain.get(f"{shared.url}/api/users/me", headers=bearer(token))


# making, listing, removing


def test_a_token_is_shown_once(sign_in: SignIn) -> None:
    """Only the answer that creates it has the text, uncached; the list has everything else."""
    client = sign_in()
    body = {"name": " nightly ", "expires_in_days": 30, "read_only": True}
    answer = client.post("/api/users/me/tokens", json=body)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    new = answer.json()
    assert list(new) == ["id", "name", "created_at", "expires_at", "last_used_at", "read_only", "token"]
    assert new["token"].startswith("duet_pat_")
    assert (new["name"], new["read_only"], new["last_used_at"]) == ("nightly", True, None)
    (listed,) = client.get("/api/users/me/tokens").json()
    assert listed == {name: value for name, value in new.items() if name != "token"}


def test_days_are_a_whole_number_however_it_is_written(sign_in: SignIn) -> None:
    """`30.0` is an integer of JSON Schema, and means thirty days."""
    client = sign_in()
    lives = []
    for days in ("30", "30.0", "3e1"):
        content = f'{{"name": "x", "expires_in_days": {days}}}'
        answer = client.post("/api/users/me/tokens", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 201, answer.text
        new = answer.json()
        lives.append(datetime.fromisoformat(new["expires_at"]) - datetime.fromisoformat(new["created_at"]))
    assert lives == [timedelta(days=30)] * 3


def test_a_token_lives_ninety_days_unless_told(sign_in: SignIn) -> None:
    """By default a token lives for ninety days, as the contract says, and may write."""
    new = made(sign_in())
    assert new["read_only"] is False
    assert new["expires_at"][:10] > new["created_at"][:10]


def test_a_removed_token_is_refused(shared: Running, sign_in: SignIn) -> None:
    """It is refused at once; removing it again, or somebody else's, is a 404."""
    client, other = sign_in(), sign_in()
    new = made(client)
    assert me(shared, new["token"]).status_code == 200
    problem(other.delete(f"/api/users/me/tokens/{new['id']}"), 404)
    assert me(shared, new["token"]).status_code == 200
    assert client.delete(f"/api/users/me/tokens/{new['id']}").status_code == 204
    assert problem(me(shared, new["token"]), 401)["code"] == "token_invalid"
    problem(client.delete(f"/api/users/me/tokens/{new['id']}"), 404)
    for token_id in ("none", "%00", "🎼", "x" * 500):
        assert client.delete(f"/api/users/me/tokens/{token_id}").status_code in (400, 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "x" * 9999}, "/name"),
        ({"name": None}, "/name"),
        ({"name": {"$ne": None}}, "/name"),
        ({"name": "x", "expires_in_days": 0}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": 366}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": -1}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": 10**30}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": True}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": 1.5}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": 215.5}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": "215"}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": 366.0}, "/expires_in_days"),
        ({"name": "x", "expires_in_days": None}, "/expires_in_days"),
        ({"name": "x", "read_only": "yes"}, "/read_only"),
        ({"name": "x", "user_id": "other"}, ""),
        ({"name": "x", "token": "duet_pat_" + "x" * 43}, ""),
    ],
    ids=str,
)
def test_bad_input_is_pointed_at(sign_in: SignIn, body: dict[str, Any], pointer: str) -> None:
    """Bad input is never a 500, and no token is created."""
    client = sign_in()
    assert pointers(client.post("/api/users/me/tokens", json=body)) == [pointer]
    assert client.get("/api/users/me/tokens").json() == []


def test_the_fifty_first_token_is_refused(sign_in: SignIn) -> None:
    """The refusal says why."""
    client = sign_in()
    for _ in range(50):
        made(client)
    refused = client.post("/api/users/me/tokens", json={"name": "x"})
    assert pointers(refused) == ["/name"]
    assert refused.json()["code"] == "too_many_tokens"


def test_making_and_removing_want_a_fresh_login(shared: Running, sign_in: SignIn) -> None:
    """A stolen access token of an old login creates no token that outlives it. A personal access token proves
    no password, so it neither creates nor removes one."""
    client = sign_in()
    new = made(client)
    auth = shared.auth
    principal = auth.sessions.authenticate(client.access_token)
    user = shared.wait(auth.accounts.get(principal.user_id))
    (session,) = shared.wait(auth.sessions.of(principal))
    tokens = auth.sessions.tokens
    old = tokens.issue(user, replace(session, auth_time=session.auth_time - timedelta(minutes=16)))[0]
    for token in (old, new["token"]):
        listing = plain.get(f"{shared.url}/api/users/me/tokens", headers=bearer(token))
        assert len(listing.json()) == 1
        for method, path in (("POST", ""), ("DELETE", f"/{new['id']}")):
            url = f"{shared.url}/api/users/me/tokens{path}"
            refused = plain.request(method, url, headers=bearer(token), json={"name": "another"})
            told = problem(refused, 401)
            assert told["code"] == "login_stale"
            assert told["detail"].startswith("A personal access token can't") == (token != old)
            challenge = refused.headers["WWW-Authenticate"]
            assert challenge == 'Bearer error="insufficient_user_authentication", max_age="900"'
    assert len(client.get("/api/users/me/tokens").json()) == 1


# using


def test_a_token_is_its_owner(shared: Running, sign_in: SignIn) -> None:
    """On Duet's own routes a token reads and writes as its owner."""
    client = sign_in()
    token = made(client)["token"]
    assert me(shared, token).json() == client.get("/api/users/me").json()
    url = f"{shared.url}/api/users/me"
    assert plain.request("PATCH", url, headers=bearer(token), json={"name": "By script"}).status_code == 200
    assert client.get("/api/users/me").json()["name"] == "By script"


def test_the_list_tells_of_the_last_use(shared: Running, sign_in: SignIn) -> None:
    """The list shows the last use a moment after the request, which does not wait for it."""
    client = sign_in()
    token = made(client)["token"]
    assert me(shared, token).status_code == 200
    for _ in range(100):
        (listed,) = client.get("/api/users/me/tokens").json()
        if listed["last_used_at"]:
            break
        time.sleep(0.01)
    assert listed["last_used_at"] >= listed["created_at"]


def test_a_read_only_token_writes_nothing(shared: Running, sign_in: SignIn) -> None:
    """Each unsafe method is a 403 with the challenge of RFC 6750, before the body is looked at."""
    client = sign_in()
    new = made(client, read_only=True)
    assert me(shared, new["token"]).status_code == 200
    calls = {
        ("PATCH", "/api/users/me"),
        ("DELETE", "/api/users/me"),
        ("POST", "/api/users/me/password"),
        ("POST", "/api/users/me/email"),
        ("DELETE", "/api/users/me/sessions"),
        ("POST", "/api/users/me/tokens"),
        ("DELETE", f"/api/users/me/tokens/{new['id']}"),
    }
    for method, path in calls:
        refused = plain.request(method, f"{shared.url}{path}", headers=bearer(new["token"]), content="nonsense")
        assert problem(refused, 403)["code"] == "scope_missing"
        challenge = refused.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer error="insufficient_scope", error_description="')
        assert challenge.endswith('", scope="write"')
    assert client.get("/api/users/me/sessions").json() != []


def test_every_route_that_writes_refuses_a_read_only_token(shared: Running, sign_in: SignIn) -> None:
    """This holds for every route in the table that needs a login and writes."""
    token = made(sign_in(roles=["admin"]), read_only=True)["token"]
    refused = 0
    for rule in shared.app.state.rules:
        if rule.half != "api" or rule.policy.is_public or rule.policy.reads:
            continue
        path = rule.path.replace("{user_id}", "x").replace("{session_id}", "x").replace("{token_id}", "x")
        for method in set(rule.methods) - {"GET", "HEAD", "OPTIONS"}:
            answer = plain.request(method, f"{shared.url}{path}", headers=bearer(token))
            assert (answer.status_code, method, rule.path) == (403, method, rule.path)
            refused += 1
    assert refused > 5


# ending


def test_what_the_owner_loses_the_token_loses(shared: Running, sign_in: SignIn) -> None:
    """After a role, the account's activity and then the account are taken away, each next request knows."""
    client = sign_in(roles=["admin"])
    token = made(client)["token"]
    user_id = me(shared, token).json()["id"]
    users = f"{shared.url}/api/admin/users"
    terminal = Client("test")
    assert plain.get(users, headers=bearer(token)).status_code == 200
    shared.make_user(f"other-{user_id}@example.com", roles=["admin"])
    shared.wait(shared.auth.administration.set_roles(user_id, [], terminal))
    assert problem(plain.get(users, headers=bearer(token)), 403)["code"] == "role_missing"
    assert me(shared, token).json()["roles"] == []
    shared.wait(shared.auth.administration.set_active(user_id, False, terminal))
    refused = me(shared, token)
    assert problem(refused, 401)["code"] == "account_disabled"
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    shared.wait(shared.auth.administration.delete(user_id, terminal))
    assert problem(me(shared, token), 401)["code"] == "token_invalid"


def test_revoking_a_token_ends_it(shared: Running, sign_in: SignIn) -> None:
    """Anyone who shows it may revoke it without a login (RFC 7009); its owner's logins and other tokens stay."""
    client = sign_in()
    kept, leaked = made(client)["token"], made(client)["token"]
    for token in (leaked, leaked, "duet_pat_" + "x" * 43, "duet_pat_", "duet_pat_é"):
        answer = plain.post(f"{shared.url}/api/auth/revoke", data={"token": token})
        assert (answer.status_code, answer.json()) == (200, {})
    assert me(shared, leaked).status_code == 401
    assert me(shared, kept).status_code == 200
    assert client.get("/api/users/me").status_code == 200


# one kind of token in the place of another


def test_one_kind_of_token_does_not_pass_for_another(shared: Running, sign_in: SignIn) -> None:
    """A personal access token does not count as a refresh token, password or session, and an access or refresh
    token with its prefix does not count at all."""
    client = sign_in()
    token = made(client)["token"]
    url = f"{shared.url}/api/auth/token"
    refresh = {"grant_type": "refresh_token", "refresh_token": token}
    oauth_error(plain.post(url, data=refresh), "invalid_grant")
    password = {"grant_type": "password", "username": client.email, "password": token}  # type: ignore[attr-defined]
    oauth_error(plain.post(url, data=password), "invalid_grant")
    for other in (
        client.access_token,
        client.refresh_token,
        "x" * 43,
        "duet_pat_",
    ):
        for shown in (f"duet_pat_{other}", f"duet_pat_{other}"[:52], token + other, token.upper()):
            assert problem(me(shared, shown), 401)["code"] == "token_invalid"
    assert me(shared, token.removeprefix("duet_pat_")).status_code == 401
    for scheme in ("Basic", "Token", "DPoP"):
        answer = plain.get(f"{shared.url}/api/users/me", headers={"Authorization": f"{scheme} {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert plain.get(f"{shared.url}/api/users/me?access_token={token}").status_code == 401
    twice = [("Authorization", f"Bearer {token}")] * 2
    assert plain.get(f"{shared.url}/api/users/me", headers=twice).status_code == 401


def test_no_page_takes_a_personal_token(shared: Running, sign_in: SignIn) -> None:
    """It logs nobody in on a page, as a bearer token or inside a genuinely signed session cookie."""
    token = made(sign_in())["token"]
    pages = shared.app.state.pages
    serializer = pages.session_interface.get_signing_serializer(pages)
    cookie = f"{pages.config['SESSION_COOKIE_NAME']}={serializer.dumps({ACCESS_TOKEN: token, '_permanent': True})}"
    for headers in (bearer(token), {"Cookie": cookie}, {**bearer(token), "Cookie": cookie}):
        answer = plain.get(f"{shared.url}/account", headers=headers)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/account")


# beyond Duet's own routes


def team() -> Extension:
    """A team's routes, which know nothing of personal access tokens."""
    router = APIRouter(prefix="/team", include_in_schema=False)  # one function for many methods

    @router.api_route("/login", methods=["GET", "HEAD", *WRITES])
    async def login(principal: CurrentPrincipal) -> str:
        return principal.user_id

    @router.api_route("/public", methods=["GET", *WRITES])
    @public
    async def open_to_all(principal: OptionalPrincipal) -> str:
        return "somebody" if principal else "nobody"

    @router.api_route("/admin", methods=["GET", *WRITES])
    @require(role="admin")
    async def admin() -> str:
        return "gold"

    @router.api_route("/fresh", methods=["GET", *WRITES])
    @require(fresh=timedelta(days=9999))
    async def fresh() -> str:
        return "a password was proven"

    @router.websocket("/socket")
    async def socket(socket: WebSocket, principal: CurrentPrincipal) -> None:
        await socket.accept()
        await socket.send_text(principal.user_id)
        await socket.close()

    return Extension("team", routers=[router])


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[TestClient]:
    """A Duet with the team's routes, without a server or a login."""
    with TestClient(create_app(kit_settings(tmp_path), extensions=[team()])) as client:
        yield client


def hand_over(kit: TestClient, **given: Any) -> None:
    """Gives the client a personal access token in place of its login."""
    kit.headers["Authorization"] = f"Bearer {made(kit, **given)['token']}"
    kit.cookies.clear()


@pytest.mark.parametrize("roles", [[], ["admin"]])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_teams_routes_take_tokens_by_the_same_policy(kit: TestClient, roles: list[str], read_only: bool) -> None:
    """Any token reads, and a token that may write writes. On a route where everybody may write, a read-only
    token writes as nobody. No token is ever fresh."""
    login_as(kit, roles=roles)
    hand_over(kit, read_only=read_only)
    met: dict[str, list[str]] = {"read": ["somebody", "in", "in" if roles else "role_missing", "login_stale"]}
    met["write"] = ["nobody", *["scope_missing"] * 3] if read_only else met["read"]
    for method in ("GET", *WRITES):
        answers = [kit.request(method, f"/api/team/{name}") for name in ("public", "login", "admin", "fresh")]
        decisions = [answers[0].json()]
        for answer in answers[1:]:
            decisions.append("in" if answer.status_code == 200 else answer.json()["code"])
        assert decisions == met["read" if method == "GET" else "write"], method
    assert kit.head("/api/team/login").status_code == 200


def test_a_websocket_counts_as_a_write(kit: TestClient) -> None:
    """Nobody knows what will be said over it, so a read-only token opens none."""
    login_as(kit)
    access = kit.headers["Authorization"]
    hand_over(kit)
    with kit.websocket_connect("/api/team/socket") as socket:
        assert socket.receive_text()
    kit.headers["Authorization"] = access
    hand_over(kit, read_only=True)
    with pytest.raises(WebSocketDisconnect) as caught, kit.websocket_connect("/api/team/socket"):
        pass
    denial: Any = caught.value
    assert (denial.status_code, denial.json()["code"]) == (403, "scope_missing")


def test_openapi_tells_both_ways_in(kit: TestClient) -> None:
    """Swagger's Authorize takes email address and password, or a pasted token; either opens every operation."""
    schema = kit.get("/api/openapi.json").json()
    schemes = schema["components"]["securitySchemes"]
    assert (schemes["login"]["type"], schemes["token"]["type"], schemes["token"]["scheme"]) == (
        "oauth2",
        "http",
        "bearer",
    )
    operations = [one for path in schema["paths"].values() for one in path.values()]
    assert {str(one["security"]) for one in operations if "security" in one} == {
        str([{"login": []}, {"token": []}])
    }


def test_no_text_of_a_token_is_kept(tmp_path: Path) -> None:
    """After a token is created and used over the API, the database's files hold only its hash."""
    with running(make_settings(tmp_path)) as duet:
        duet.make_user("ada@example.com")
        with ApiClient(duet.url, verify=False) as client:
            assert client.log_in("ada@example.com", PASSWORD).status_code == 200
            token = made(client)["token"]
            assert me(duet, token).status_code == 200
    with sqlite3.connect(tmp_path / "duet.db") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert "nightly report" in dump
    for secret in (token, token.removeprefix("duet_pat_")):
        assert secret not in dump
        assert secret.encode() not in files
