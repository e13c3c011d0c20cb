"""The `scope` parameter (RFC 6749 section 3.3), by which a client asks for less than everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.answers import oauth_error, plain, problem
from tests.auth.jws import claims_of
from tests.kit.duet import PASSWORD, ApiClient, Running

SignIn = Callable[..., ApiClient]


def log_in(client: ApiClient, scope: str | None) -> dict[str, Any]:
    """Logs in with that scope; the client uses the new tokens from then on."""
    form = {"grant_type": "password", "username": client.email, "password": PASSWORD}  # type: ignore[attr-defined]
    answer = client.post("/api/auth/token", data=form if scope is None else {**form, "scope": scope})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = client._keep(answer).json()
    return body


def refresh(client: ApiClient, scope: str) -> dict[str, Any]:
    """Uses the client's refresh token, with that scope."""
    form = {"grant_type": "refresh_token", "refresh_token": client.refresh_token, "scope": scope}
    body: dict[str, Any] = client._keep(client.post("/api/auth/token", data=form)).raise_for_status().json()
    return body


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, "read write"),
        ("", "read write"),
        ("read", "read"),
        ("write", "write"),
        ("read write", "read write"),
        ("write read", "read write"),
        ("read read", "read"),
    ],
)
def test_a_login_has_the_scope_that_was_asked_for(sign_in: SignIn, asked: str | None, granted: str) -> None:
    """The answer, the token and the next token of the same login say the scope."""
    client = sign_in()
    assert log_in(client, asked)["scope"] == granted
    assert claims_of(client.access_token)["scope"] == granted
    assert client.refresh().json()["scope"] == granted
    assert claims_of(client.access_token)["scope"] == granted


UNKNOWN = [
    "admin",
    "read admin",
    "READ",
    "read,write",
    "read  write",
    " read",
    "read ",
    "*",
    "é",
    "read\0",
    "openid",
]


@pytest.mark.parametrize("asked", UNKNOWN)
def test_an_unknown_scope_is_refused(sign_in: SignIn, asked: str) -> None:
    """It is `invalid_scope` at the login and at the refresh, and what was sent is not repeated."""
    client = sign_in()
    for form in (
        {"grant_type": "password", "username": client.email, "password": PASSWORD},  # type: ignore[attr-defined]
        {"grant_type": "refresh_token", "refresh_token": client.refresh_token},
    ):
        oauth_error(client.post("/api/auth/token", data={**form, "scope": asked}), "invalid_scope")


def test_an_unknown_scope_is_refused_before_the_password_is_looked_at(sign_in: SignIn) -> None:
    """For any email address and password it is refused, and no guess is counted or recorded."""
    client = sign_in()
    for username, password in ((client.email, "wrong"), ("nobody@example.com", "x")):  # type: ignore[attr-defined]
        form = {"grant_type": "password", "username": username, "password": password, "scope": "all"}
        oauth_error(client.post("/api/auth/token", data=form), "invalid_scope")
    events = client.get("/api/users/me/audit").json()["items"]
    assert [event["event"] for event in events] == ["login", "registered"]


def test_a_login_that_may_only_read_writes_nothing(sign_in: SignIn) -> None:
    """A write is a 403 whose challenge names the scope that it needs; reading and revoking the token work."""
    client = sign_in()
    log_in(client, "read")
    assert client.get("/api/users/me").status_code == 200
    refused = client.patch("/api/users/me", json={"name": "Eve"})
    assert problem(refused, 403)["code"] == "scope_missing"
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", error_description="This token may only read.", scope="write"'
    )
    assert client.post("/api/users/me/tokens", json={"name": "x"}).status_code == 403
    assert client.post("/api/auth/revoke", data={"token": client.access_token}).status_code == 200
    assert client.get("/api/users/me").status_code == 401


def test_a_login_that_may_write_reads_too(sign_in: SignIn) -> None:
    """The scope `write` includes reading."""
    client = sign_in()
    log_in(client, "write")
    assert client.patch("/api/users/me", json={"name": "Grace"}).status_code == 200
    assert client.get("/api/users/me").json()["name"] == "Grace"


def test_a_refresh_may_ask_for_less_and_the_next_one_for_all(sign_in: SignIn) -> None:
    """The narrower scope is that access token's alone: the refresh token keeps what was granted (section 6)."""
    client = sign_in()
    log_in(client, None)
    assert refresh(client, "read")["scope"] == "read"
    assert client.patch("/api/users/me", json={"name": "Eve"}).status_code == 403
    assert client.refresh().json()["scope"] == "read write"
    assert client.patch("/api/users/me", json={"name": "Grace"}).status_code == 200


def test_the_parent_within_its_grace_may_ask_for_less_as_well(sign_in: SignIn) -> None:
    """Each of two callers at once gets the scope that it asked for, and both get the same successor."""
    client = sign_in()
    parent = client.refresh_token
    successor = refresh(client, "read write")["refresh_token"]
    client.refresh_token = parent
    again = refresh(client, "read")
    assert (again["scope"], again["refresh_token"]) == ("read", successor)
    assert claims_of(client.access_token)["scope"] == "read"


@pytest.mark.parametrize(("granted", "asked"), [("read", "write"), ("read", "read write"), ("write", "read")])
def test_a_refresh_gets_never_more_than_the_login(sign_in: SignIn, granted: str, asked: str) -> None:
    """It is `invalid_scope`, and the refresh token is not used up."""
    client = sign_in()
    log_in(client, granted)
    form = {"grant_type": "refresh_token", "refresh_token": client.refresh_token, "scope": asked}
    for _ in range(3):
        oauth_error(client.post("/api/auth/token", data=form), "invalid_scope")
    before = client.refresh_token
    assert client.refresh().json()["scope"] == granted
    assert client.refresh_token.split(".")[1] == str(int(before.split(".")[1]) + 1)


def test_a_scope_is_no_way_to_probe_refresh_tokens(shared: Running, sign_in: SignIn) -> None:
    """A refresh token that does not count is `invalid_grant`, whatever scope is asked for."""
    forged = sign_in().refresh_token[:-43] + "A" * 43
    form = {"grant_type": "refresh_token", "refresh_token": forged, "scope": "all"}
    oauth_error(plain.post(f"{shared.url}/api/auth/token", data=form), "invalid_grant")
