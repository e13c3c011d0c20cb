"""Item 24: links that reset a password, and what a change of the password requires and ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.auth.clock import SystemClock
from tests.attacks.conftest import Call, Visit, new_address
from tests.attacks.logins.ways import invitation, logs_in, post
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, running
from tests.kit.mails import html_of, link_in, mail_with_link, read_mails, text_of, token_in

WRONG = "not the password at all"
NEW = "seven sober walruses hum"
OTHER = "eleven idle badgers yawn"


def mailed_token(duet: Running, email: str, page: str = "reset-password") -> str:
    """The token in a mail that somebody asked for."""
    path = {"reset-password": "forgot-password", "verify-email": "resend-verification"}[page]
    assert post(duet, f"/api/auth/{path}", json={"email": email}).status_code == 202
    return token_in(mail_with_link(duet.outbox, page, to=email))


def use_api(duet: Running, token: str, password: str = NEW) -> bool:
    """Whether a token resets a password, over the API."""
    answer = post(duet, "/api/auth/reset-password", json={"token": token, "password": password})
    assert answer.status_code in (204, 400), answer.text
    return answer.status_code == 204


def use_page(duet: Running, token: str, password: str = NEW) -> bool:
    """Whether a token resets a password, on the page. The CSRF token comes from the login page."""
    with Browser(duet.url, verify=False) as browser:
        answer = browser.submit(f"/reset-password/{token}", page="/login", new_password=password)
        assert answer.status_code in (303, 400, 404), answer.status_code
        return answer.status_code == 303


BOTH = (use_api, use_page)
on_both = pytest.mark.parametrize("use", BOTH)


@on_both
def test_s24_a_reset_link_works_once(house: Running, email: str, use: Callable[..., bool]) -> None:
    """Opening a reset link does not use it up; of twenty uses at once one sets the password, and then it is
    dead."""
    token = mailed_token(house, email)
    with Browser(house.url, verify=False) as browser:
        assert [browser.get(f"/reset-password/{token}").status_code for _ in range(3)] == [200] * 3
    assert not post(house, "/api/auth/reset-password", json={"token": token, "password": "short"}).is_success
    choices = [f"{NEW} {number}" for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        used = list(pool.map(lambda choice: use(house, token, choice), choices))
    assert used.count(True) == 1
    assert logs_in(house, email, choices[used.index(True)])
    assert not logs_in(house, email, PASSWORD)
    for again in BOTH:
        assert not again(house, token)
    with Browser(house.url, verify=False) as browser:
        assert browser.get(f"/reset-password/{token}").status_code in (400, 404)


@on_both
def test_s24_a_reset_link_lives_half_an_hour(
    house: Running, email: str, use: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset link works a minute before its half hour is over, and not a minute after."""
    tokens = [mailed_token(house, email), mailed_token(house, (other := house.make_user(new_address())).email)]
    now = SystemClock.now

    def later(minutes: int) -> None:
        monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + timedelta(minutes=minutes))

    later(31)
    assert not use(house, tokens[0])
    later(29)
    assert use(house, tokens[1])
    monkeypatch.undo()
    assert logs_in(house, email, PASSWORD)
    assert logs_in(house, other.email, NEW)


def _strings(file: Path) -> set[str]:
    """Every word in a file that could be a token or part of one."""
    return {word.decode() for word in re.findall(rb"[A-Za-z0-9_.-]{16,120}", file.read_bytes())}


@on_both
def test_s24_a_stolen_database_resets_nothing(tmp_path: Path, use: Callable[..., bool]) -> None:
    """No word of the file is a token, and none can be turned into one without the secret key."""
    with running(make_settings(tmp_path)) as duet:
        email = duet.make_user().email
        token = mailed_token(duet, email)
        with closing(sqlite3.connect(tmp_path / "duet.db")) as database:
            [(link_id,)] = database.execute("SELECT id FROM links WHERE purpose = 'reset-password'").fetchall()
        words = set[str]()
        for file in tmp_path.glob("duet.db*"):
            words |= _strings(file)
        assert link_id in words
        assert token not in words
        assert token.partition(".")[2] not in " ".join(words)
        guesses = {word for word in words if "." in word} | {link_id, f"{link_id}.", f"{link_id}.{link_id}"}
        for key, text in itertools.product(
            (b"", link_id.encode(), email.encode()), (link_id, f"reset-password.{link_id}", "")
        ):
            for digest in (
                hmac.digest(key, text.encode(), "sha256"),
                hashlib.sha256(key + text.encode()).digest(),
            ):
                guesses.add(f"{link_id}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")
        guesses |= {f"{link_id}.{word[:43]}" for word in words if len(word) >= 43}
        assert len(guesses) > 15
        for guess in guesses:
            assert not use(duet, guess), guess
        assert use(duet, token), "what was stolen still works for its owner"


@pytest.mark.parametrize("half", ["api", "page"])
def test_s24_a_link_s_host_is_ours_whatever_the_request_says(https_house: Running, half: str) -> None:
    """The host in a link is PUBLIC_URL's, whatever Host and a proxy's forwarded host say."""
    lies = [
        {"Host": "evil.example"},
        {"Host": "duet.example", "X-Forwarded-Host": "evil.example"},
        {"Host": "duet.example", "Forwarded": "host=evil.example", "X-Original-URL": "https://evil.example/"},
        {"Host": "duet.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "666"},
    ]
    for lie in lies:
        email = https_house.make_user(new_address()).email
        if half == "api":
            answer = post(https_house, "/api/auth/forgot-password", json={"email": email}, headers=lie)
            assert answer.status_code == 202
        else:
            _ask_on_https_page(https_house, email, lie)
        mail = mail_with_link(https_house.outbox, "reset-password", to=email)
        assert link_in(mail).startswith("https://duet.example/reset-password/")
        assert "evil" not in text_of(mail) + html_of(mail) + str(mail.items())
        assert "http://" not in text_of(mail)


def _ask_on_https_page(duet: Running, email: str, lie: dict[str, str]) -> None:
    """Fetches the form, with the cookie that a browser sends over https alone."""
    with Browser(duet.url, verify=False, headers=lie) as browser:
        page = browser.get("/forgot-password")
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert found
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        data = {"csrf_token": found[1], "email": email}
        assert browser.post("/forgot-password", data=data, headers={"Cookie": cookie}).status_code == 303


@on_both
def test_s24_other_tokens_reset_nothing(house: Running, email: str, call: Call, use: Callable[..., bool]) -> None:
    """A link that confirms, invites or changes an address resets nothing, and neither does any token of a
    login."""
    api = call(email)
    verify = mailed_token(house, email, "verify-email")
    api.post("/api/users/me/email", json={"email": (new := new_address()), "password": PASSWORD})
    change = token_in(mail_with_link(house.outbox, "verify-email", to=new))
    personal = api.post("/api/users/me/tokens", json={"name": "x"}).json()["token"]
    others = [verify, change, invitation(house, new_address()), api.access_token, api.refresh_token, personal]
    for token in [*others, "x" * 22 + "." + "x" * 43]:
        assert not use(house, token), token
    assert logs_in(house, email, PASSWORD)
    assert api.get("/api/users/me").status_code == 200


def test_s24_a_mail_tells_of_a_new_password_and_holds_no_link(house: Running, email: str) -> None:
    """The account's owner gets a mail about the new password, and the reset itself logs nobody in."""
    token = mailed_token(house, email)
    with Browser(house.url, verify=False) as browser:
        assert browser.submit(f"/reset-password/{token}", new_password=NEW).status_code == 303
        assert browser.get("/account").status_code == 303
    told = read_mails(house.outbox, to=email, count=2)
    [mail] = [one for one in told if "/reset-password/" not in text_of(one)]
    assert "password" in str(mail["Subject"]).lower()
    assert NEW not in text_of(mail)


# Changes


def _change_api(api: Any, current: str, new: str) -> bool:
    answer = api.post("/api/users/me/password", json={"current_password": current, "new_password": new})
    assert answer.status_code in (204, 403)
    return bool(answer.status_code == 204)


def _change_page(browser: Any, current: str, new: str) -> bool:
    answer = browser.submit("/account/password", current_password=current, new_password=new)
    assert answer.status_code in (303, 422)
    return bool(answer.status_code == 303)


@pytest.mark.parametrize("half", ["api", "page"])
def test_s24_a_change_asks_for_the_current_password(
    house: Running, email: str, visit: Visit, call: Call, half: str
) -> None:
    """Even right after the login, anyone who finds an open screen or a token can't take the account over."""
    api, browser = call(email), visit(email)

    def change(current: str, new: str) -> bool:
        return _change_api(api, current, new) if half == "api" else _change_page(browser, current, new)

    for current in (WRONG, PASSWORD.upper(), PASSWORD + " ", "x" * 1025):
        assert not change(current, NEW)
    for body in ({"new_password": NEW}, {"current_password": None, "new_password": NEW}):
        assert api.post("/api/users/me/password", json=body).status_code == 422
    assert browser.submit("/account/password", new_password=NEW, current_password="").status_code == 422
    assert logs_in(house, email, PASSWORD)
    assert change(PASSWORD, NEW)
    assert logs_in(house, email, NEW)
    assert not logs_in(house, email, PASSWORD)


def _alive(api: Any) -> bool:
    return bool(api.get("/api/users/me").status_code == 200)


def _is_in(browser: Any) -> bool:
    return bool(browser.get("/account").status_code == 200)


@pytest.mark.parametrize("half", ["api", "page"])
def test_s24_a_change_ends_the_other_sessions(
    house: Running, email: str, visit: Visit, call: Call, half: str
) -> None:
    """A change ends browsers' and programs' other sessions, refresh tokens and earlier mails; one's own goes
    on."""
    api, browser, others, other_browsers = call(email), visit(email), [call(email), call(email)], [visit(email)]
    token = mailed_token(house, email)
    assert _change_api(api, PASSWORD, NEW) if half == "api" else _change_page(browser, PASSWORD, NEW)
    assert _alive(api) == (half == "api")
    assert (api.refresh().status_code == 200) == (half == "api")
    assert _is_in(browser) == (half == "page")
    for one in others:
        assert not _alive(one)
        assert one.refresh().status_code == 400
    assert not any(map(_is_in, other_browsers))
    assert not use_api(house, token, OTHER)
    assert not use_page(house, token, OTHER)


@on_both
def test_s24_a_reset_ends_every_session(
    house: Running, email: str, visit: Visit, call: Call, use: Callable[..., bool]
) -> None:
    """Anyone who knew the old password or held a token of the account is logged out."""
    api, browser = call(email), visit(email)
    personal = api.post("/api/users/me/tokens", json={"name": "x"}).json()["token"]
    bearer = {"Authorization": f"Bearer {personal}"}
    assert call().get("/api/users/me", headers=bearer).status_code == 200
    assert use(house, mailed_token(house, email))
    assert not _alive(api)
    assert api.refresh().status_code == 400
    assert not _is_in(browser)
    assert call().get("/api/users/me", headers=bearer).status_code == 401
