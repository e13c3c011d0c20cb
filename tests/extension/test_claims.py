"""An extension's claims: in the token, in the principal on both halves, and within their limits."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from flask import Blueprint

from app.api.deps import CurrentPrincipal
from app.auth.extending.claims import MAX_BYTES
from app.auth.models import User
from app.auth.policy import PolicyError
from app.extension import Extension
from app.main import create_app
from app.testing import PASSWORD, TestClient, csrf_token, login_as, make_settings
from app.web.context import current_principal
from tests.kit.building import start, team

EMAIL = "ada@example.com"


async def company_of(user: User) -> str:
    """The company that the email address belongs to."""
    return user.email_key.partition("@")[2]


def companies() -> Extension:
    """Shows people what belongs to their company."""
    blueprint, router = Blueprint("companies", __name__, url_prefix="/company"), APIRouter(prefix="/company")

    @blueprint.get("")
    def page() -> str:
        return str(current_principal.claims.get("company"))

    @router.get("")
    async def route(principal: CurrentPrincipal) -> str | None:
        company: str | None = principal.claims.get("company")
        return company

    return Extension("companies", routers=[router], blueprints=[blueprint], claims={"company": company_of})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Ada of example.com, on both halves."""
    with TestClient(create_app(make_settings(tmp_path), extensions=[companies()])) as one:
        yield login_as(one, EMAIL)


def test_a_claim_is_there_on_both_halves(client: TestClient) -> None:
    """It has the value from when the token was issued, and no store is asked."""
    assert client.get("/company").text == "example.com"
    assert client.get("/api/company").json() == "example.com"
    login_as(client, "bo@example.org")
    assert client.get("/api/company").json() == "example.org"


def test_a_refresh_asks_again(client: TestClient) -> None:
    """A claim is exactly as old as its token."""
    form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    tokens = client.post("/api/auth/token", data=form).json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    fresh = client.post("/api/auth/token", data=form).json()["access_token"]
    assert client.get("/api/company", headers={"Authorization": f"Bearer {fresh}"}).json() == "example.com"


def test_a_personal_token_has_the_claims_too(client: TestClient) -> None:
    """A script sees the same as its owner."""
    token = client.post("/api/users/me/tokens", json={"name": "script"}).json()["token"]
    assert client.get("/api/company", headers={"Authorization": f"Bearer {token}"}).json() == "example.com"


def test_a_failing_claim_is_missing_and_nobody_is_kept_out(tmp_path: Path) -> None:
    """For this reason a missing claim must never mean a right."""

    async def fail(user: User) -> str:
        raise ValueError("broken")

    extension = companies()
    broken = Extension("broken", routers=extension.routers, claims={"company": fail})
    with TestClient(create_app(make_settings(tmp_path), extensions=[broken])) as client:
        assert login_as(client).get("/api/company").json() is None


def test_the_cookie_stays_small_with_all_that_may_be_in_it(tmp_path: Path) -> None:
    """With twenty of the longest roles, the most claims and unseen messages, none compressible, it stays below
    the 4,096 bytes that browsers keep."""
    noise = secrets.token_urlsafe(MAX_BYTES)[: MAX_BYTES - len('{"everything":""}')]

    async def most(user: User) -> str:
        return noise

    extension = Extension("big", claims={"everything": most})
    with TestClient(create_app(make_settings(tmp_path), extensions=[extension])) as client:
        login_as(client, EMAIL, roles=[f"r{secrets.token_hex(16)[1:]}" for _ in range(20)])
        client.cookies.clear()
        form = {"email": EMAIL, "password": PASSWORD, "csrf_token": csrf_token(client, "/login")}
        answers = [client.post("/login", data=form, follow_redirects=False)]
        token = csrf_token(client, "/account")
        for number in range(12):  # each leaves a message that no page shows
            form = {"csrf_token": token, "name": f"Ada {number}"}
            answers.append(client.post("/account", data=form, follow_redirects=False))
        assert {answer.status_code for answer in answers} == {303}
        assert client.get("/account").status_code == 200
    sizes = [len(value) for answer in answers for value in answer.headers.get_list("Set-Cookie")]
    assert 2500 < max(sizes) < 4096, sizes


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"roles": company_of}, "extension team: the claim 'roles' is reserved"),
        ({"duet_x": company_of}, "extension team: the claim 'duet_x' is reserved"),
        ({"company": lambda user: "x"}, "extension team: the function of its claim 'company' must be async"),
    ],
)
def test_a_claim_that_may_not_be_stops_the_start(tmp_path: Path, claims: Any, message: str) -> None:
    """One line names the extension."""
    with pytest.raises(PolicyError, match=message):
        start(tmp_path, team(claims=claims))


def test_two_extensions_with_one_claim_stop_the_start(tmp_path: Path) -> None:
    """Nobody could say which of the two counts."""
    with pytest.raises(PolicyError, match="extension two: the claim 'company' is one's already"):
        start(tmp_path, team("one", claims={"company": company_of}), team("two", claims={"company": company_of}))
