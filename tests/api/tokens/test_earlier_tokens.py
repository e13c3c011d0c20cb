"""Tokens of a team's earlier code, which the API alone accepts, and never in the place of one of Duet's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from app.auth.keys import KeyRing, Purpose
from app.auth.models import Client
from app.auth.tokens import AccessTokens
from app.settings import Settings
from tests.api.answers import oauth_error, plain, problem
from tests.auth.house import FakeClock
from tests.auth.jws import b64, dumps, header_for, signed
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Running, make_settings, running

KEY = "the earlier system's own: b7Kq92_xWv"
TODAY = datetime.now(UTC).date()

SignIn = Callable[..., ApiClient]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet that accepts such tokens, for the whole module."""
    with running(migrating(tmp_path_factory.mktemp("duet"))) as one:
        yield one


def migrating(folder: Path, *, days: int = 14) -> Settings:
    """Settings of a transition that ends in some days."""
    until = TODAY + timedelta(days=days)
    return make_settings(folder, legacy_jwt_key=KEY, legacy_jwt_until=until)


def earlier(subject: object, *, key: str = KEY, **changes: object) -> str:
    """A token as flask-jwt-extended makes it."""
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "fresh": True,
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "jti": "a",
        "type": "access",
        "sub": subject,
    }
    return jwt.encode({**claims, **changes}, key, "HS256")


def call(
    duet: Running, token: str, path: str = "/api/users/me", method: str = "GET", **given: object
) -> httpx.Response:
    """Makes a call with that token."""
    headers = {"Authorization": f"Bearer {token}"}
    return plain.request(method, duet.url + path, headers=headers, **given)


def counts(duet: Running) -> dict[str, int]:
    """The counts of such tokens in /metrics."""
    found = re.findall(
        r'^duet_legacy_tokens_total\{result="(\w+)"\} ([\d.]+)$', plain.get(f"{duet.url}/metrics").text, re.M
    )
    return {result: int(float(count)) for result, count in found}


def test_an_earlier_token_is_its_owner(shared: Running, sign_in: SignIn) -> None:
    """A token by id or by confirmed email address reads and writes as its owner, and is counted."""
    user = shared.make_user("old@example.com", is_email_verified=True)
    before = counts(shared)
    for subject in (user.id, "old@example.com"):
        assert call(shared, earlier(subject)).json()["id"] == user.id
    assert call(shared, earlier(user.id), method="PATCH", json={"name": "Old"}).json()["name"] == "Old"
    after = counts(shared)
    assert after["accepted"] - before["accepted"] == 3
    assert {name: after[name] - before[name] for name in ("refused", "expired", "unknown")} == {
        "refused": 0, "expired": 0, "unknown": 0,
    }  # fmt: skip


def test_it_does_nothing_that_wants_a_password_or_an_admin(shared: Running) -> None:
    """It creates no token that outlives it and administers nothing; the refusal says that a login would help."""
    user = shared.make_user("chief@example.com", roles=["admin"])
    token = earlier(user.id)
    told = problem(call(shared, token, "/api/users/me/tokens", "POST", json={"name": "x"}), 401)
    assert (told["code"], told["detail"]) == (
        "login_stale", "A token of the earlier system can't do this. Log in with the password.",
    )  # fmt: skip
    for path in ("/api/admin/users", "/api/admin/audit"):
        told = problem(call(shared, token, path), 403)
        assert told["code"] == "role_missing"
        assert told["detail"].startswith("A token of the earlier system")


def test_a_refresh_token_of_the_earlier_system_is_none_here(shared: Running) -> None:
    """It counts neither as a bearer token nor at the refresh, and an earlier access token is no grant either."""
    user = shared.make_user("fresh@example.com")
    refresh = earlier(user.id, type="refresh")
    assert problem(call(shared, refresh), 401)["code"] == "token_invalid"
    for token in (refresh, earlier(user.id)):
        form = {"grant_type": "refresh_token", "refresh_token": token}
        oauth_error(plain.post(f"{shared.url}/api/auth/token", data=form), "invalid_grant")
        assert plain.post(f"{shared.url}/api/auth/revoke", data={"token": token}).status_code == 200
    assert call(shared, earlier(user.id)).status_code == 200


def test_pages_do_not_know_them(shared: Running) -> None:
    """On a page such a token does not count in the header or as a cookie, and leads to the login."""
    user = shared.make_user("pages@example.com")
    token = earlier(user.id)
    assert call(shared, token, "/account").status_code == 303
    # In the place of Flask's session it is an invalid session; in other cookies nobody looks at it.
    places = {"session": "token_invalid", "access_token_cookie": "token_missing", "access_token": "token_missing"}
    for name, code in places.items():
        answer = plain.get(f"{shared.url}/account", headers={"Cookie": f"{name}={token}"})
        assert answer.status_code == 303
        told = plain.get(f"{shared.url}/api/users/me", headers={"Cookie": f"{name}={token}"})
        assert problem(told, 401)["code"] == code


def test_one_of_duets_own_never_goes_that_way(shared: Running, sign_in: SignIn) -> None:
    """An expired, ended or outdated token of Duet's own has its own reason, and is not counted."""
    client, ended, promoted = sign_in(), sign_in(), sign_in()
    before = counts(shared)
    auth = shared.auth
    principal = auth.sessions.authenticate(client.access_token)
    session, user = shared.wait(auth.sessions.store.session_with_user(principal.session_id))
    past = FakeClock()
    past.step(minutes=-16)
    old = AccessTokens(
        auth.signing.book,
        issuer=auth.config.issuer,
        lifetime=auth.config.access_lifetime,
        clock=past,
    )
    expired = old.issue(user, replace(session, auth_time=past.now()))[0]
    assert problem(call(shared, expired), 401)["code"] == "token_expired"
    shared.wait(auth.endings.log_out(auth.sessions.authenticate(ended.access_token), Client("test")))
    assert problem(call(shared, ended.access_token), 401)["code"] == "logged_out"
    owner = auth.sessions.authenticate(promoted.access_token).user_id
    shared.wait(auth.administration.set_roles(owner, ["editor"], Client("test")))
    assert problem(call(shared, promoted.access_token), 401)["code"] == "rights_changed"
    assert counts(shared) == before


def test_a_personal_token_never_goes_that_way(shared: Running) -> None:
    """Text with the prefix of a personal access token is never taken for an earlier token."""
    before = counts(shared)
    for text in ("duet_pat_" + "x" * 43, f"duet_pat_{earlier('x')}"):
        assert problem(call(shared, text), 401)["code"] == "token_invalid"
    assert counts(shared) == before


def test_forgeries_are_nobody(shared: Running) -> None:
    """A token that is unsigned, by a wrong key, or of Duet's own kind is a 401, and counted as unknown."""
    user = shared.make_user("forged@example.com")
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": user.id, "exp": now + 900}
    ring = KeyRing([SECRET])
    key = ring.keys(Purpose.ACCESS_TOKEN)[0]
    forged = [
        *(
            f"{b64(dumps({'alg': name}))}.{b64(dumps(claims))}.{b64(b'x')}"
            for name in ("none", "None", "NONE", "")
        ),
        earlier(user.id, key="some other secret of thirty-two bytes"),
        *(signed({"alg": "HS256", "typ": "JWT"}, claims, ring.keys(purpose)[0].secret) for purpose in Purpose),
        signed(header_for(key), claims, KEY.encode()),
        signed(header_for(key), claims, key.secret),
        signed(header_for(key, typ="JWT"), claims, key.secret),
    ]
    before = counts(shared)
    for token in forged:
        answer = call(shared, token)
        assert problem(answer, 401)["code"] == "token_invalid"
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert call(shared, f"{b64(dumps({'alg': 'none'}))}.{b64(dumps(claims))}.").status_code == 401
    after = counts(shared)
    assert after.pop("unknown") - before.pop("unknown") == len(forged)
    assert after == before


@pytest.mark.parametrize("reason", ["disabled", "deleted", "password changed"])
def test_whoever_lost_the_account_lost_the_token(shared: Running, reason: str) -> None:
    """It is refused at once, with the reason, and counted as refused."""
    user = shared.make_user(f"{reason.replace(' ', '-')}@example.com")
    token, test = earlier(user.id), Client("test")
    assert call(shared, token).status_code == 200
    acts: dict[str, Callable[[], Any]] = {
        "disabled": lambda: shared.auth.administration.set_active(user.id, False, test),
        "deleted": lambda: shared.auth.administration.delete(user.id, test),
        "password changed": lambda: shared.auth.credentials.set_password(user.id, PASSWORD[::-1], test),
    }
    shared.wait(acts[reason]())
    before = counts(shared)
    told = problem(call(shared, token), 401)
    assert told["code"] == {
        "disabled": "account_disabled", "deleted": "token_invalid", "password changed": "password_changed",
    }[reason]  # fmt: skip
    assert counts(shared)["refused"] - before["refused"] == 1


def test_after_the_last_day_they_are_told_to_log_in(tmp_path: Path) -> None:
    """The 401 has its own reason, the call is counted, and a login works as always."""
    with running(migrating(tmp_path, days=-1)) as duet:
        user = duet.make_user()
        answer = call(duet, earlier(user.id))
        told = problem(answer, 401)
        assert told["code"] == "earlier_token_ended"
        assert told["detail"] == "Tokens of the earlier system are no longer taken. Please log in again."
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
        assert counts(duet) == {"accepted": 0, "refused": 0, "expired": 1, "unknown": 0}
        with ApiClient(duet.url, verify=False) as client:
            client.log_in()
            assert client.get("/api/users/me").status_code == 200


def test_on_the_last_day_they_still_count(tmp_path: Path) -> None:
    """The setting names the last day on which they count, and not the first on which they do not."""
    with running(migrating(tmp_path, days=0)) as duet:
        user = duet.make_user()
        assert call(duet, earlier(user.id)).status_code == 200


def test_without_the_settings_they_are_nothing(tmp_path: Path) -> None:
    """Such a token is treated like any other text, and nothing is counted."""
    with running(make_settings(tmp_path)) as duet:
        user = duet.make_user()
        assert problem(call(duet, earlier(user.id)), 401)["code"] == "token_invalid"
        assert set(counts(duet).values()) == {0}
