"""What a thief can do with a stolen database or a stolen cookie (security.md, items 14 and 15)."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.auth.keys import Purpose
from tests.attacks.conftest import Call, Visit
from tests.attacks.forge import forging
from tests.attacks.logins import thief
from tests.auth.jws import b64, claims_of
from tests.kit.cookies import age, read_cookie, token_of
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running, make_settings, running
from tests.kit.naughty import quiet


@pytest.fixture(params=["HS256", "EdDSA"])
def robbed(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Running]:
    """A Duet on each kind of store, with each kind of key."""
    settings = make_settings(tmp_path, database_url=database_url, jwt_algorithm=request.param)
    with quiet(), running(settings) as duet:
        yield duet


def test_s14_a_stolen_database_yields_no_token(robbed: Running) -> None:
    """A stolen database holds no session's tokens, whole or in part, and nothing in it works as one."""
    with forging(robbed) as forger, Browser(robbed.url, verify=False) as browser:
        client = forger.client
        tokens = [client.access_token, client.refresh_token]
        for _ in range(2):
            assert client.refresh().status_code == 200
            tokens += [client.access_token, client.refresh_token]
        personal = client.post("/api/users/me/tokens", json={"name": "mine"}).json()["token"]
        browser.log_in(forger.user.email)
        tokens += [personal, browser.cookies["session"], browser.cookies["duet_device"], token_of(robbed, browser)]
        stored, texts = thief.stolen_values(robbed)
        session_id = str(forger.claims["sid"])
        assert session_id in texts, "or nothing was found"
        for secret in [
            *tokens,
            *(part for token in tokens for part in token.split(".") if len(part) > 30),
            PASSWORD,
        ]:
            assert secret.encode() not in stored, secret
        hashes = {b64(hashlib.sha256(text.encode()).digest()) for text in texts}
        for text in texts | hashes:
            if not text.strip() or not text.isascii() or not text.isprintable() or len(text) > 4000:
                continue
            assert forger.as_bearer(text).status == 401, text
            for refresh_token in (text, f"duet_rt_{session_id}.3.{text}"):
                assert client.refresh(refresh_token).status_code == 400, text
        assert client.refresh().status_code == 200, "and all that ended nothing"
        assert forger.as_bearer(personal).status == 200


def test_s14_a_stolen_database_yields_no_key(robbed: Running) -> None:
    """A stolen database holds no secret, no derived key and no private key, in any of the usual spellings."""
    with ApiClient(robbed.url, verify=False) as client:
        robbed.make_user()
        client.log_in()
    secrets = [SECRET.encode(), *(robbed.auth.keys.keys(purpose)[0].secret for purpose in Purpose)]
    private = robbed.auth.signing.book.signer().signing
    secrets.append(private if isinstance(private, bytes) else private.private_bytes_raw())
    stored, _ = thief.stolen_values(robbed)
    for secret in secrets:
        spellings = (secret, secret.hex().encode(), b64encode(secret).rstrip(b"="), b64(secret).encode())
        assert not any(spelling in stored for spelling in spellings)
    assert b"PRIVATE KEY" not in stored


def opened(cookie: str) -> Any:
    """What is in Flask's cookie: anybody who has it can read it, without any key."""
    body = cookie.lstrip(".").split(".")[0]
    data = urlsafe_b64decode(body + "=" * (-len(body) % 4))
    return json.loads(zlib.decompress(data) if cookie.startswith(".") else data)


def test_s15_the_cookie_holds_no_secret(house: Running, visit: Visit, call: Call, email: str) -> None:
    """Whatever was done on the pages, the cookie holds no refresh token, password or key, and nothing from the
    store."""
    browser = visit(email)
    browser.get("/account")
    browser.submit("/account", name="Ada L.")
    browser.submit("/reauthenticate", password=PASSWORD)
    browser.submit("/account/password", current_password="not the password", new_password=PASSWORD + " 2")
    browser.submit("/account/tokens", name="mine", expires_in_days="30")
    seen = [browser.cookies["session"]]
    age(house, browser)
    browser.get("/account")
    seen.append(browser.cookies["session"])
    session_id = claims_of(token_of(house, browser))["sid"]
    nonce = thief.row(house, session_id)["nonce"]
    secrets = [PASSWORD, "not the password", SECRET, nonce, "duet_rt_", "duet_pat_", "$2b$", "bcrypt"]
    for cookie in seen:
        values = opened(cookie)
        assert set(values) <= {"access_token", "csrf_token", "_permanent", "_flashes", "_fresh"}
        text = json.dumps(values) + json.dumps(claims_of(values["access_token"]))
        assert not [secret for secret in secrets if secret in text]
        for purpose in Purpose:
            key = house.auth.keys.keys(purpose)[0].secret
            assert key.hex() not in text
            assert b64(key) not in text
    assert not re.search(r"duet_(rt|pat)_", str(read_cookie(house, seen[-1])))


def test_s15_the_cookie_is_no_bearer_token(house: Running, visit: Visit, call: Call, email: str) -> None:
    """The cookie, whole, with its name or in parts, is no bearer token and no refresh grant."""
    cookie = visit(email).cookies["session"]
    for text in (cookie, f"session={cookie}", cookie.lstrip(".").split(".")[0], cookie.lstrip("."), f"{cookie}.x"):
        answer = call().get("/api/users/me", headers={"Authorization": f"Bearer {text}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
        assert call().refresh(text).status_code == 400


def test_s15_its_jwt_counts_no_longer_than_any_other(house: Running, visit: Visit, call: Call, email: str) -> None:
    """The cookie's JWT ends with its own time or the logout, and can't be renewed as a bearer token."""
    browser = visit(email)
    jwt = token_of(house, browser)
    bearer = {"Authorization": f"Bearer {jwt}"}
    assert call().get("/api/users/me", headers=bearer).status_code == 200
    claims = claims_of(jwt)
    assert claims["exp"] - claims["iat"] == 900
    age(house, browser)
    old = token_of(house, browser)
    answer = call().get("/api/users/me", headers={"Authorization": f"Bearer {old}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")
    assert browser.get("/account").status_code == 200, "a page renews it, for this browser"
    assert browser.log_out().status_code == 303
    for token in (jwt, old):
        assert call().get("/api/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
