"""Item 46: what sets a cookie is for one person alone, whatever the view said."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter
from fastapi import Response as ApiResponse
from flask import Blueprint, Response, request, session

from app.auth.policy import public
from app.edge.headers import with_security_headers
from app.extension import Extension
from tests.kit.cookies import age
from tests.kit.duet import Browser, Running, make_settings, running

#: What a view may say so that caches keep its page.
SHARED = {
    "Cache-Control": "public, s-maxage=600, max-age=600",
    "Expires": "Fri, 01 Jan 2100 00:00:00 GMT",
    "Pragma": "public",
    "CDN-Cache-Control": "max-age=600",
    "Cloudflare-CDN-Cache-Control": "max-age=600",
    "Surrogate-Control": "max-age=600",
    "Edge-Control": "cache-maxage=600",
    "X-Accel-Expires": "600",
    "X-LiteSpeed-Cache-Control": "public",
    "ETag": '"v1"',
}


def sharing() -> Extension:
    """Pages and routes that let caches keep them, some of which set a cookie of their own."""
    blueprint, router = Blueprint("shared", __name__, url_prefix="/shared"), APIRouter(prefix="/shared")

    @blueprint.get("/page")
    def page() -> Response:
        answer = Response("page", headers=SHARED)
        answer.make_conditional(request)
        return answer

    @blueprint.get("/session")
    @public
    def into_session() -> Response:
        session["colour"] = "blue"
        return Response("page", headers=SHARED)

    @blueprint.get("/cookie")
    @public
    def own_cookie() -> Response:
        answer = Response("page", headers=SHARED)
        answer.set_cookie("colour", "blue")
        return answer

    @router.get("/cookie")
    @public
    async def api_cookie(response: ApiResponse) -> str:
        response.headers.update(SHARED)
        response.set_cookie("colour", "blue")
        return "route"

    return Extension("shared", blueprints=[blueprint], routers=[router])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with those pages and routes."""
    with running(make_settings(tmp_path_factory.mktemp("duet")), extensions=[sharing()]) as one:
        one.make_user()
        yield one


def check_private(answer: httpx.Response) -> None:
    """Checks that nobody but the receiver may keep the answer."""
    assert answer.headers.get_list("Cache-Control") == ["private, no-store"]
    assert "cookie" in answer.headers["Vary"].lower()
    assert not {name for name in SHARED if name not in ("Cache-Control", "ETag")} & {
        name.title() for name in answer.headers
    }
    for name in SHARED:
        assert name in ("Cache-Control", "ETag") or name not in answer.headers, name


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_s46_a_page_that_renews_the_session_is_kept_by_nobody(site: Running, method: str) -> None:
    """A page that lets itself be cached is private when the gate has renewed the token, a 304 too."""
    with Browser(site.url) as browser:
        browser.log_in()
        for headers, status in (({}, 200), ({"If-None-Match": '"v1"'}, 304)):
            age(site, browser)
            answer = browser.request(method, "/shared/page", headers=headers)
            assert answer.status_code == status
            assert "session=" in answer.headers["Set-Cookie"]
            check_private(answer)
            # Without a new cookie, what the view says counts.
            answer = browser.request(method, "/shared/page", headers=headers)
            assert "Set-Cookie" not in answer.headers
            assert answer.headers["Cache-Control"] == SHARED["Cache-Control"]


@pytest.mark.parametrize("path", ["/shared/session", "/shared/cookie", "/api/shared/cookie"])
def test_s46_whatever_sets_a_cookie_is_kept_by_nobody(site: Running, path: str) -> None:
    """This holds for any cookie, on both halves."""
    answer = httpx.get(site.url + path)
    assert answer.status_code == 200
    assert answer.headers["Set-Cookie"]
    check_private(answer)


def test_s46_duet_s_own_pages_with_a_cookie_are_private(site: Running) -> None:
    """The login page, which begins a session, the login and the logout."""
    with Browser(site.url) as browser:
        for answer in (browser.get("/login"), browser.log_in(), browser.log_out()):
            assert answer.headers["Set-Cookie"]
            check_private(answer)


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ([], [b"Cookie"]),
        ([b"Accept-Encoding"], [b"Accept-Encoding", b"Cookie"]),
        ([b"Accept, COOKIE"], [b"Accept, COOKIE"]),
        ([b"*"], [b"*"]),
    ],
)
def test_s46_caches_are_told_that_it_depends_on_the_cookie(vary: list[bytes], expected: list[bytes]) -> None:
    """`Vary` names the cookie once."""
    headers = [(b"Set-Cookie", b"a=1"), *((b"Vary", value) for value in vary)]
    dressed = with_security_headers(headers, https=False)
    assert [value for name, value in dressed if name.lower() == b"vary"] == expected
