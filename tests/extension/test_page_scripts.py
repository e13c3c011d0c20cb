"""A team's own routes see the pages' login in calls by their scripts, by the same rules as Duet's routes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import httpx
import pytest
from fastapi import APIRouter, Response

from app.api.deps import CurrentPrincipal, OptionalPrincipal
from app.auth.policy import public, require
from app.extension import Extension
from tests.api.test_page_scripts import token_on
from tests.kit.cookies import make_stale
from tests.kit.duet import Browser, Running, make_settings, running

PUBLIC_URL: Final = "http://duet.example.com:8080"
#: What was written and by whom.
WRITTEN: Final[list[str]] = []


def _team() -> Extension:
    """Routes that need a login, a role, a recent password, or nothing at all."""
    router = APIRouter(prefix="/team")

    @router.api_route("/things", methods=["GET", "HEAD"])
    async def read(principal: CurrentPrincipal) -> str:
        return principal.user_id

    @router.api_route("/things", methods=["POST", "PUT", "PATCH", "DELETE"])
    async def write(principal: CurrentPrincipal) -> str:
        WRITTEN.append(principal.user_id)
        return principal.user_id

    @router.api_route("/door", methods=["GET", "POST"])
    @public
    async def door(principal: OptionalPrincipal, response: Response) -> str | None:
        response.headers["Cache-Control"] = "private, max-age=60"
        response.headers["Vary"] = "Accept-Language"
        return principal.user_id if principal else None

    @router.api_route("/vault", methods=["GET", "POST"])
    @require(role="admin")
    async def vault() -> str:
        return "gold"

    @router.post("/fresh")
    @require(fresh=timedelta(minutes=5))
    async def fresh() -> str:
        return "fresh"

    return Extension("team", routers=[router])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with the team's routes, whose PUBLIC_URL is not the address that the tests use."""
    settings = make_settings(tmp_path_factory.mktemp("duet"), public_url=PUBLIC_URL)
    with running(settings, extensions=[_team()]) as one:
        one.make_user("ada@example.com")
        one.make_user("root@example.com", roles=["admin"])
        yield one


@pytest.fixture
def page(shared: Running) -> Iterator[Browser]:
    """Ada's browser, logged in."""
    with Browser(shared.url, verify=False) as browser:
        assert browser.log_in().status_code == 303
        yield browser


# The proof, header by header

SITES: Final = (None, "same-origin", "none", "same-site", "cross-site", "SAME-ORIGIN", "same-origin, same-origin")
ORIGINS: Final = (
    None,
    "{url}",
    PUBLIC_URL,
    "null",
    "{url}/",
    "https:{rest}",  # another scheme
    "http://127.0.0.1:1",  # another port is the same site, to which the browser sends the cookies
    "http://localhost:{port}",  # another name of the same machine
    "http://duet.example.com",
    "http://evil.example",
)
TOKENS: Final = (None, "right", "wrong")
_OWN: Final = (None, "{url}", PUBLIC_URL)


def _expected_read(site: str | None, origin: str | None) -> int:
    return 200 if site in (None, "same-origin", "none") and origin in _OWN else 401


def _expected_write(site: str | None, origin: str | None, token: str | None) -> int:
    if (site, origin, token) == (None, None, None):
        return 401
    is_ours = site in (None, "same-origin") and origin in _OWN and (site or origin)
    return 200 if is_ours and token == "right" else 403


@pytest.mark.parametrize("path", ["/api/users/me", "/api/team/things"])
def test_every_combination_of_proof(page: Browser, shared: Running, path: str) -> None:
    """A read sees the session unless a header is foreign; a write needs a good header and the token."""
    right = token_on(page)
    words = {"url": shared.url, "rest": shared.url.removeprefix("http:"), "port": shared.url.rpartition(":")[2]}
    tokens = {"right": right, "wrong": f"{right[:-2]}AA"}
    for site, origin, token in itertools.product(SITES, ORIGINS, TOKENS):
        headers = {
            name: value
            for name, value in (
                ("Sec-Fetch-Site", site),
                ("Origin", origin and origin.format(**words)),
                ("X-CSRFToken", token and tokens[token]),
            )
            if value is not None
        }
        before = len(WRITTEN)
        answer = page.patch(path, json={"name": "Ada"}, headers=headers)
        expected = _expected_write(site, origin, token)
        assert answer.status_code == expected, headers
        if expected != 200:
            assert answer.json()["code"] == ("token_missing" if expected == 401 else "same_origin_unproven")
            assert len(WRITTEN) == before
        answer = page.get(path, headers=headers)
        assert answer.status_code == _expected_read(site, origin), headers


def test_all_methods_that_write_need_the_same(page: Browser) -> None:
    """POST, PUT, PATCH and DELETE need the same proof, and HEAD reads as GET does."""
    proof = {"Sec-Fetch-Site": "same-origin", "X-CSRFToken": token_on(page)}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert page.request(method, "/api/team/things").status_code == 401
        assert page.request(method, "/api/team/things", headers={"Sec-Fetch-Site": "none"}).status_code == 403
        assert page.request(method, "/api/team/things", headers=proof).status_code == 200
    assert page.head("/api/team/things").status_code == 200
    assert page.head("/api/team/things", headers={"Sec-Fetch-Site": "same-site"}).status_code == 401


def test_a_token_beside_the_cookie_speaks_alone(page: Browser, shared: Running) -> None:
    """A good one makes the caller its owner; a bad one, or another scheme, makes them nobody, proof or not."""
    user = shared.make_user("grace@example.com")
    from_page = {"Sec-Fetch-Site": "same-origin", "X-CSRFToken": token_on(page)}
    pair = httpx.post(
        f"{shared.url}/api/auth/token",
        data={"grant_type": "password", "username": user.email, "password": "correct horse battery"},
    ).json()
    good = {"Authorization": f"Bearer {pair['access_token']}"}
    assert page.post("/api/team/things", headers=good).json() == user.id  # needs no proof: no browser adds it
    assert page.post("/api/team/things", headers={**good, "Origin": "http://evil.example"}).json() == user.id
    for value in ("Bearer x", "Bearer", "", "Basic eDp5"):
        headers = {**from_page, "Authorization": value}
        assert page.get("/api/team/things", headers=headers).status_code == 401
        assert page.post("/api/team/things", headers=headers).status_code == 401


def test_roles_and_freshness_are_asked_of_scripts(page: Browser, shared: Running) -> None:
    """A missing role is a 403, which is recorded; later the password is asked for; an admin gets in."""
    proof = {"Sec-Fetch-Site": "same-origin", "X-CSRFToken": token_on(page)}
    answer = page.get("/api/team/vault", headers=proof)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    user_id = page.get("/api/team/things").json()
    (row,) = shared.wait(shared.auth.audit.events(user_id=user_id, event="refused")).items
    assert (row.detail, bool(row.session_id)) == ("role_missing", True)
    assert page.post("/api/team/fresh", headers=proof).status_code == 200
    make_stale(shared, page)
    answer = page.post("/api/team/fresh", headers=proof)
    assert (answer.status_code, answer.json()["code"]) == (401, "login_stale")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    with Browser(shared.url, verify=False) as admin:
        admin.log_in("root@example.com")
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRFToken": token_on(admin)}
        assert admin.post("/api/team/vault", headers=headers).json() == "gold"
        assert admin.post("/api/team/vault", headers={**headers, "X-CSRFToken": token_on(page)}).status_code == 403


def test_a_public_route_knows_whom_its_own_page_sends(page: Browser) -> None:
    """A call by another origin's page counts as nobody's, so that nothing is done in Ada's name."""
    me = page.get("/api/team/things").json()
    token = token_on(page)
    assert page.get("/api/team/door").json() == me
    for headers, expected in (
        ({"Sec-Fetch-Site": "same-origin", "X-CSRFToken": token}, me),
        ({"Sec-Fetch-Site": "same-origin"}, None),
        ({"Sec-Fetch-Site": "same-site", "X-CSRFToken": token}, None),
        ({"Origin": "null", "X-CSRFToken": token}, None),
        ({}, None),
    ):
        answer = page.post("/api/team/door", headers=headers)
        assert (answer.status_code, answer.json()) == (200, expected), headers


def test_caches_are_told_what_an_answer_depends_on(page: Browser, shared: Running) -> None:
    """It depends on the cookie even without one; the route's own headers stay, and no neighbour's page gets it."""
    answer = page.get("/api/team/door")
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    assert answer.headers["Vary"].replace(" ", "") == "Accept-Language,Cookie"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    answer = httpx.get(f"{shared.url}/api/team/door")
    assert "Cookie" in answer.headers["Vary"]
    assert page.get("/api/team/things").headers["Cache-Control"] == "no-store"
