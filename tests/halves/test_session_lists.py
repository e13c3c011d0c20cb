"""How many sessions an account has, and the pages of their list, on both halves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.auth.models import MAX_SESSIONS, SESSIONS_PAGE, Session, User
from app.web.views.account.sessions import PAGE_SIZE
from tests.kit.duet import ApiClient, Browser, Running

MS = timedelta(milliseconds=1)


def add_sessions(duet: Running, user: User, count: int, name: str = "more") -> list[str]:
    """Gives a user who is logged in that many sessions more, each used later than the one before. Their ids."""
    store, now = duet.auth.accounts.store, duet.auth.clock.now()
    like: Session = duet.wait(store.sessions_of(user.id, now=now))[0]
    ids = [f"{name}-{number:03}" for number in range(count)]
    for number, session_id in enumerate(ids):
        used = like.last_used_at + (number + 1) * MS
        assert duet.wait(store.add_session(replace(like, id=session_id, created_at=used, last_used_at=used)))
    return ids


@pytest.fixture
def user(duet: Running) -> User:
    """Ada, who has an account."""
    return duet.make_user()


def pages(api: ApiClient, path: str) -> Iterator[list[str]]:
    """The ids on each page of a list, which `Link` leads through."""
    following: str | None = path
    while following:
        answer = api.get(following)
        assert answer.status_code == 200
        yield [row["id"] for row in answer.json()]
        following = answer.links.get("next", {}).get("url")


def test_s39_the_list_of_sessions_is_paged_on_the_api(duet: Running, user: User, api: ApiClient) -> None:
    """`Link` leads through all, for their owner and for an admin; a page has a hundred by default."""
    api.log_in()
    (own,) = (row["id"] for row in api.get("/api/users/me/sessions").json())
    ids = [*reversed(add_sessions(duet, user, 4)), own]
    assert list(pages(api, "/api/users/me/sessions?limit=2")) == [ids[:2], ids[2:4], ids[4:]]
    assert list(pages(api, "/api/users/me/sessions")) == [ids]
    assert api.get("/api/users/me/sessions?cursor=unknown").json() == []
    assert api.get("/api/users/me/sessions?limit=0").status_code == 422
    duet.make_user("grace@example.com", roles=["admin"])
    api.log_in("grace@example.com")
    assert list(pages(api, f"/api/admin/users/{user.id}/sessions?limit=3")) == [ids[:3], ids[3:]]
    add_sessions(duet, user, SESSIONS_PAGE, "many")
    assert [len(page) for page in pages(api, f"/api/admin/users/{user.id}/sessions")] == [SESSIONS_PAGE, 5]


def test_s39_the_list_of_sessions_is_paged_on_the_page(duet: Running, user: User, browser: Browser) -> None:
    """The first page begins with the session that asks, though it is the last by use; a link leads to the rest."""
    browser.log_in()
    ids = add_sessions(duet, user, PAGE_SIZE + 5)
    first = browser.get("/account/sessions").text
    assert first.index("This one") < first.index("more-")
    assert re.findall(r"/account/sessions/(more-\d+)/end", first) == ids[: -PAGE_SIZE - 1 : -1]
    (following,) = re.findall(r'href="(/account/sessions\?cursor=[^"]+)" rel="next"', first)
    second = browser.get(following).text
    assert re.findall(r"/account/sessions/(more-\d+)/end", second) == ids[4::-1]
    assert "This one" not in second
    assert 'rel="next"' not in second
    assert "End all others" in second


def test_s39_one_login_too_many_ends_the_oldest_session(duet: Running, user: User, api: ApiClient) -> None:
    """Its token is refused at once and says why, and the log tells of it; the others go on."""
    api.log_in()
    add_sessions(duet, user, MAX_SESSIONS - 1)
    with ApiClient(duet.url) as other:
        assert other.log_in().status_code == 200
        assert sum(map(len, pages(other, "/api/users/me/sessions?limit=200"))) == MAX_SESSIONS
        refused = api.get("/api/users/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "session_displaced")
        assert api.refresh().status_code == 400
        (row,) = [
            row for row in other.get("/api/users/me/audit").json()["items"] if row["event"] == "session_displaced"
        ]
        assert row["detail"] == "1"
