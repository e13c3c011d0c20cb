"""Refresh tokens that were copied, lost, forged or late, over real connections (security.md, items 10 to 13)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import SettingsError
from tests.attacks.conftest import Call, Visit, new_address
from tests.attacks.logins import thief
from tests.auth.jws import claims_of
from tests.deploy.process import served
from tests.kit.cookies import aged_token, forget_renewals, give_cookie, make_cookie, read_cookie, token_of
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running, make_settings, running

OTHER_PASSWORD = "staple horse correct"


def session_of(client: ApiClient) -> str:
    """The id of the session of a program's access token."""
    return str(claims_of(client.access_token)["sid"])


def is_in(client: ApiClient, token: str | None = None) -> bool:
    """Whether an access token counts; if None, the program's own."""
    headers = {"Authorization": f"Bearer {token or client.access_token}"}
    answer = client.get("/api/users/me", headers=headers)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def is_refused(answer: httpx.Response) -> bool:
    """Whether the answer is `invalid_grant`."""
    assert answer.status_code == 400, answer.text
    return bool(answer.json()["error"] == "invalid_grant")


# 10: rotation, reuse, forgery


def test_s10_every_refresh_changes_the_token(call: Call, email: str) -> None:
    """Each answer holds a new refresh token, and the one before it has been replaced."""
    client = call(email)
    seen = [client.refresh_token]
    for _ in range(5):
        assert client.refresh().status_code == 200
        seen.append(client.refresh_token)
    assert len(set(seen)) == 6
    assert len({token.rpartition(".")[2] for token in seen}) == 6, "and not its number alone"
    assert len(client.get("/api/users/me/sessions").json()) == 1


@pytest.mark.parametrize("age", [2, 3, 5])
def test_s10_a_replay_ends_that_session_and_no_other(
    house: Running, call: Call, visit: Visit, email: str, age: int
) -> None:
    """A replay ends the session for thief and owner alike, and no session of other devices or people."""
    client, other, browser, stranger = (
        call(email),
        call(email),
        visit(email),
        call(house.make_user(new_address()).email),
    )
    refresh_tokens, access_tokens = [client.refresh_token], [client.access_token]
    for _ in range(age):
        assert client.refresh().status_code == 200
        refresh_tokens.append(client.refresh_token)
        access_tokens.append(client.access_token)
    assert all(is_in(client, token) for token in access_tokens)
    assert is_refused(call().refresh(refresh_tokens[0]))
    assert not any(is_in(client, token) for token in access_tokens)
    assert client.get("/api/users/me").json()["code"] == "refresh_reused"
    assert all(is_refused(call().refresh(token)) for token in refresh_tokens)
    for one in (other, stranger):
        assert is_in(one)
        assert one.refresh().status_code == 200
    assert browser.get("/account").status_code == 200
    events = [event["event"] for event in other.get("/api/users/me/audit").json()["items"]]
    assert "refresh_reused" in events


def test_s10_a_forged_token_ends_nothing(call: Call, email: str) -> None:
    """Anyone who knows a session's id, which the list of devices shows, can neither use nor end the session."""
    client, other = call(email), call(email)
    for _ in range(3):
        assert client.refresh().status_code == 200
    head, generation, mac = client.refresh_token.rsplit(".", 2)
    assert (head, generation) == (f"duet_rt_{session_of(client)}", "4")
    foreign = other.refresh_token.rpartition(".")[2]
    forged = [f"{head}.{number}.{mac if number != 4 else foreign}" for number in (0, 1, 2, 3, 4, 5, 999_999_999)]
    forged += [f"{head}.{number}.{'A' * 43}" for number in (1, 2, 3, 4, 5)]
    forged += [f"{head}.{number}.{mac}" for number in ("04", "+4", "4.0", "\u0664", "4 ", "-4", "4e0", "1" * 5000)]
    forged += [f"{head}.4.{mac}{more}" for more in ("=", "A", "\n", "\0", " ", ".")]
    forged += [
        client.refresh_token.upper(),
        f" {client.refresh_token}",
        client.refresh_token[:-1],
        head,
        "duet_rt_.1.",
    ]
    forged += [
        client.refresh_token.replace(session_of(client), session_of(other)),
        client.access_token,
        "\U0001f600",
    ]
    for token in forged:
        assert is_refused(call().refresh(token)), token[:80]
        if token != client.access_token:
            assert call().post("/api/auth/revoke", data={"token": token}).status_code == 200
    for one in (client, other):
        assert is_in(one)
        assert one.refresh().status_code == 200


# 11: the grace


def test_s11_the_parent_yields_the_same_successor(call: Call, email: str) -> None:
    """The parent of a lost answer yields the same refresh token, as often as it is used."""
    client = call(email)
    parent = client.refresh_token
    assert client.refresh().status_code == 200
    successor = client.refresh_token
    for _ in range(5):
        assert call().refresh(parent).json()["refresh_token"] == successor
    assert client.refresh(successor).status_code == 200
    assert client.refresh_token != successor
    assert call().refresh(successor).json()["refresh_token"] == client.refresh_token
    assert is_refused(call().refresh(parent)), "a grandparent is none, at once"
    assert is_refused(client.refresh())


def test_s11_the_grace_ends_after_thirty_seconds_and_never_slides(house: Running, call: Call, email: str) -> None:
    """Using the parent again and again does not extend the grace; a second too late is a replay."""
    client = call(email)
    parent = client.refresh_token
    assert client.refresh().status_code == 200
    successor = client.refresh_token
    for _ in range(2):
        thief.shift(house, session_of(client), "rotated_at", seconds=-14)
        assert call().refresh(parent).json()["refresh_token"] == successor
    assert is_in(client)
    thief.shift(house, session_of(client), "rotated_at", seconds=-3)
    assert is_refused(call().refresh(parent))
    assert not is_in(client)
    assert is_refused(client.refresh(successor))


def test_s11_nobody_configures_a_longer_grace(tmp_path: Path) -> None:
    """A grace of more than 30 seconds is refused at the start."""
    with pytest.raises(SettingsError, match="REFRESH_GRACE_SECONDS"):
        make_settings(tmp_path, refresh_grace_seconds=30.5)


def test_s11_fifty_callers_in_four_processes_are_one(tmp_path: Path) -> None:
    """Fifty callers with one token at the same moment all get the same successor, and nobody is logged out."""
    database = f"sqlite:///{tmp_path / 'duet.db'}"
    variables = {"DATABASE_URL": database, "SECRET_KEY": SECRET, "RATE_LIMITS": "0"}
    with ExitStack() as processes:
        here = processes.enter_context(running(make_settings(tmp_path, database_url=database)))
        here.make_user()
        urls = [here.url]
        for number in range(3):
            folder = tmp_path / str(number)
            folder.mkdir()
            urls.append(processes.enter_context(served(folder, **variables)).url)
        client = processes.enter_context(ApiClient(here.url, verify=False))
        client.log_in()
        for _ in range(3):
            parent = client.refresh_token
            answers = asyncio.run(_refresh_everywhere(urls, parent, 50))
            assert [answer.status_code for answer in answers] == [200] * 50
            [client.refresh_token] = {answer.json()["refresh_token"] for answer in answers}
            assert client.refresh_token != parent
            for number, answer in enumerate(answers):
                headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
                assert client.get(f"{urls[number % 4]}/api/users/me", headers=headers).status_code == 200


async def _refresh_everywhere(urls: Sequence[str], token: str, number: int) -> list[httpx.Response]:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    async with httpx.AsyncClient(verify=False, timeout=30) as client:
        work = [client.post(f"{urls[one % len(urls)]}/api/auth/token", data=form) for one in range(number)]
        return list(await asyncio.gather(*work))


def test_s11_tabs_stay_in_whatever_order_their_answers_come(house: Running, visit: Visit, email: str) -> None:
    """A browser's session rotates nothing, so a late answer that puts an older cookie back harms nobody."""
    browser = visit(email)
    browser.get("/account")
    values = read_cookie(house, browser.cookies["session"])
    assert "refresh" not in str(values)
    cookies = [browser.cookies["session"]]
    for minutes in (16, 40, 100):
        aged = aged_token(house, browser, minutes=minutes)
        cookies.append(make_cookie(house, {**values, "access_token": aged}))
    jar = list(cookies)
    for _ in range(3):
        forget_renewals(house)
        answers = asyncio.run(_browse(house.url, jar * 4))
        assert {answer.status_code for answer in answers} == {200}
        jar += [answer.cookies["session"] for answer in answers if "session" in answer.cookies][:3]
    assert len(jar) > len(cookies), "some were renewed"
    for cookie in reversed(jar):
        forget_renewals(house)  # so that each is looked up by itself
        give_cookie(browser, cookie)
        assert browser.get("/account").status_code == 200
    assert len(house.wait(house.auth.sessions.of(house.auth.sessions.authenticate(token_of(house, browser))))) == 1


async def _browse(url: str, cookies: Sequence[str], path: str = "/account") -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client:
        work = [client.get(path, headers={"Cookie": f"session={cookie}"}) for cookie in cookies]
        return list(await asyncio.gather(*work))


# 12: at the same moment

Ending = Callable[["Scene"], Awaitable[httpx.Response]]


class Scene:
    """A session in use, and people who may end it."""

    def __init__(
        self, client: httpx.AsyncClient, user_id: str, victim: ApiClient, owner: ApiClient, admin: ApiClient
    ) -> None:
        self.client, self.user_id, self.victim = client, user_id, victim
        self.owner, self.admin = dict(owner.headers), dict(admin.headers)

    def refresh(self) -> Awaitable[httpx.Response]:
        """The session refreshes its own token."""
        form = {"grant_type": "refresh_token", "refresh_token": self.victim.refresh_token}
        return self.client.post("/api/auth/token", data=form)

    def revoke(self) -> Awaitable[httpx.Response]:
        """The session logs itself out."""
        return self.client.post("/api/auth/revoke", data={"token": self.victim.refresh_token})

    def end(self) -> Awaitable[httpx.Response]:
        """The session is ended from another device."""
        path = f"/api/users/me/sessions/{session_of(self.victim)}"
        return self.client.delete(path, headers=_bearer(self.owner))

    def change_password(self) -> Awaitable[httpx.Response]:
        """The password is changed from another device."""
        passwords = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        return self.client.post("/api/users/me/password", json=passwords, headers=_bearer(self.owner))

    def disable(self) -> Awaitable[httpx.Response]:
        """An admin disables the account."""
        path = f"/api/admin/users/{self.user_id}"
        return self.client.patch(path, json={"is_active": False}, headers=_bearer(self.admin))

    def delete(self) -> Awaitable[httpx.Response]:
        """An admin deletes the account."""
        return self.client.delete(f"/api/admin/users/{self.user_id}", headers=_bearer(self.admin))


def _bearer(headers: dict[str, str]) -> dict[str, str]:
    return {"Authorization": headers["authorization"]}


async def _at_once(
    url: str, work: Callable[[httpx.AsyncClient], list[Awaitable[httpx.Response]]], *, last_at: int
) -> list[httpx.Response]:
    """Sends all of `work` at the same moment. The given number says which one is sent last."""
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client:
        requests = work(client)
        requests.insert(last_at, requests.pop())
        return list(await asyncio.gather(*requests))


@pytest.mark.parametrize("ending", [Scene.revoke, Scene.end, Scene.change_password, Scene.disable, Scene.delete])
def test_s12_a_refresh_that_meets_an_ending_leaves_nothing(house: Running, call: Call, ending: Ending) -> None:
    """Whichever comes first, no token of the session works afterwards, not even one that was just issued."""
    admin = call(house.make_user(new_address(), roles=["admin"]).email)
    for number in range(6):
        user = house.make_user(new_address())
        victim, owner = call(user.email), call(user.email)

        def work(client: httpx.AsyncClient, people: Any = (user.id, victim, owner, admin)) -> list[Any]:
            scene = Scene(client, *people)
            return [*(scene.refresh() for _ in range(5)), ending(scene)]

        answers = asyncio.run(_at_once(house.url, work, last_at=number % 6))
        assert answers.pop(number % 6).status_code in (200, 204)
        tokens = [answer.json() for answer in answers if answer.status_code == 200]
        assert not any(is_in(victim, pair["access_token"]) for pair in tokens)
        assert not is_in(victim)
        for token in {victim.refresh_token, *(pair["refresh_token"] for pair in tokens)}:
            assert is_refused(call().refresh(token))


@pytest.mark.parametrize("ending", ["log-out", "disabling"])
def test_s12_a_page_that_meets_an_ending_leaves_nothing(
    house: Running, visit: Visit, call: Call, ending: str
) -> None:
    """Tabs renew while somebody logs out or an admin disables the account: every resulting cookie is dead."""
    admin = call(house.make_user(new_address(), roles=["admin"]).email)
    for number in range(4):
        user = house.make_user(new_address())
        browser = visit(user.email)
        token = browser.csrf_token("/account")
        values = read_cookie(house, browser.cookies["session"])
        aged = make_cookie(house, {**values, "access_token": aged_token(house, browser)})
        forget_renewals(house)

        def work(client: httpx.AsyncClient, given: Any = (user.id, token, aged)) -> list[Any]:
            user_id, csrf_token, cookie = given
            tab = {"Cookie": f"session={cookie}"}
            tabs = [client.get("/account", headers=tab) for _ in range(4)]
            if ending == "log-out":
                return [*tabs, client.post("/logout", data={"csrf_token": csrf_token}, headers=tab)]
            path, bearer = f"/api/admin/users/{user_id}", _bearer(dict(admin.headers))
            return [*tabs, client.patch(path, json={"is_active": False}, headers=bearer)]

        answers = asyncio.run(_at_once(house.url, work, last_at=number))
        cookies = [answer.cookies["session"] for answer in answers if "session" in answer.cookies]
        for cookie in [*cookies, aged, browser.cookies["session"]]:
            assert asyncio.run(_browse(house.url, [cookie]))[0].status_code == 303
            jwt = read_cookie(house, cookie).get("access_token")
            assert jwt is None or not is_in(admin, jwt)


# 13: limits


def test_s13_an_unused_session_ends(house: Running, call: Call, visit: Visit, email: str) -> None:
    """A session ends 30 days after its last renewal, on both halves (V7.3.1)."""
    client, browser = call(email), visit(email)
    found = thief.row(house, session_of(client))
    assert found["idle_expires_at"] - found["created_at"] == 30 * 86_400_000
    thief.shift(house, session_of(client), "last_used_at", "idle_expires_at", seconds=-29 * 86_400)
    assert client.refresh().status_code == 200
    assert thief.row(house, session_of(client))["idle_expires_at"] >= found["idle_expires_at"]
    thief.shift(house, session_of(client), "last_used_at", "idle_expires_at", seconds=-31 * 86_400)
    assert is_refused(client.refresh())
    _check_browser_s_limit(house, browser, "idle_expires_at", days=30)


def test_s13_no_session_lives_for_ever(house: Running, call: Call, visit: Visit, email: str) -> None:
    """A session ends after 90 days, however often it is renewed (V7.3.2), and its last tokens end with it at the
    latest."""
    client, browser = call(email), visit(email)
    found = thief.row(house, session_of(client))
    assert found["expires_at"] - found["created_at"] == 90 * 86_400_000
    assert client.refresh().status_code == 200
    assert thief.row(house, session_of(client))["expires_at"] == found["expires_at"]
    thief.shift(house, session_of(client), "expires_at", seconds=60 - 90 * 86_400)
    answer = client.refresh()
    assert answer.json()["expires_in"] <= 60
    last = thief.row(house, session_of(client))
    assert last["idle_expires_at"] == last["expires_at"]
    thief.shift(house, session_of(client), "expires_at", seconds=-61)
    assert is_refused(client.refresh())
    _check_browser_s_limit(house, browser, "expires_at", days=90)


def _check_browser_s_limit(house: Running, browser: Browser, column: str, *, days: int) -> None:
    """Checks that an old cookie is renewed a day before the limit, and refused once the limit has passed."""
    session_id = str(claims_of(token_of(house, browser))["sid"])
    aged = make_cookie(house, {"access_token": aged_token(house, browser), "_permanent": True})
    for seconds, status in ((-(days - 1) * 86_400, 200), (-days * 86_400, 303)):
        thief.shift(house, session_id, column, seconds=seconds)
        forget_renewals(house)
        give_cookie(browser, aged)
        assert browser.get("/account").status_code == status


def test_s13_token_answers_are_kept_by_nobody(call: Call, email: str) -> None:
    """Answers of both grants, about a token, and refusals have `no-store` (RFC 6749 section 5.1)."""
    client = call()
    refresh = {"grant_type": "refresh_token", "refresh_token": "x"}
    answers = [
        client.log_in(email),
        client.refresh(),
        client.post("/api/auth/token", data=refresh),
        client.post("/api/auth/token", data={}),
        client.post("/api/auth/introspect", data={"token": client.access_token}),
        client.post("/api/auth/introspect", data={"token": "x"}),
        client.post("/api/users/me/tokens", json={"name": "mine"}),
        client.post("/api/auth/revoke", data={"token": client.access_token}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 200, 200, 201, 200]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
