"""Where a token may be shown, and what counts at that moment (security.md, items 8 and 9)."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.attacks.conftest import Call, Visit, new_address
from tests.attacks.forge import Forger, forging
from tests.kit.cookies import make_cookie
from tests.kit.duet import ApiClient, Running

#: What a browser adds to a request from a script of this site.
FROM_A_PAGE = {"Sec-Fetch-Site": "same-origin"}


def test_s08_a_token_counts_in_the_header_alone(forger: Forger) -> None:
    """A token does not count in the address, where logs would keep it, in a body, a cookie or another header."""
    token = forger.token
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    json_type = {"Content-Type": "application/json"}
    for name in ("access_token", "token", "authorization", "jwt", "bearer", "Authorization"):
        query = urlencode({name: token})
        assert forger.send(f"/api/users/me?{query}", {}).status == 401
        assert forger.send(f"/account?{query}", {}).status == 303
        assert forger.send("/api/users/me/tokens", form, "POST", query).status == 401
        body = json.dumps({name: token, "name": "x"})
        assert forger.send("/api/users/me/tokens", json_type, "POST", body).status == 401
        assert forger.send("/api/users/me", {"Cookie": f"{name}={token}"}).status == 401
        assert forger.send("/account", {"Cookie": f"{name}={token}"}).status == 303
    for name in ("X-Access-Token", "X-Authorization", "Proxy-Authorization", "X-Forwarded-Access-Token", "DPoP"):
        assert forger.send("/api/users/me", {name: f"Bearer {token}"}).status == 401
    for value in (token, f"Token {token}", f"JWT {token}", f"Basic {token}", f"Bearer{token}", f"Bearer\t{token}"):
        assert forger.send("/api/users/me", {"Authorization": value}).status == 401
    # And a page does not read the header.
    assert forger.send("/account", {"Authorization": f"Bearer {token}"}).status == 303


def test_s08_every_refusal_carries_the_challenge(forger: Forger) -> None:
    """Each route that needs a login answers every method with `Bearer`, and adds the error if there was a
    token."""
    seen = 0
    for rule in forger.duet.app.state.rules:
        if rule.half != "api" or rule.policy.is_public:
            continue
        path = "/".join("x" if part.startswith("{") else part for part in rule.path.split("/"))
        for method in rule.methods:
            missing = forger.send(path, {}, method)
            assert (missing.status, missing.headers["www-authenticate"]) == (401, "Bearer"), path
            bad = forger.send(path, {"Authorization": "Bearer x.y.z"}, method)
            assert bad.status == 401
            assert bad.headers["www-authenticate"].startswith('Bearer error="invalid_token"'), path
            seen += 1
    assert seen > 20


def test_s08_two_authorizations_are_none(forger: Forger) -> None:
    """Two Authorization headers authenticate nobody in either order, as when a proxy and an attacker disagree."""
    client = forger.client
    good, bad = f"Bearer {forger.token}", "Bearer x.y.z"
    for values in ((good, bad), (bad, good), (good, good), (good, "Basic eDp5"), ("Basic eDp5", good)):
        answer = client.get("/api/users/me", headers=[("Authorization", value) for value in values])
        assert answer.status_code == 401, values


@pytest.fixture
def admin(house: Running, call: Call) -> ApiClient:
    """An administrator on the API."""
    return call(house.make_user(new_address(), roles=["admin"]).email)


@pytest.mark.parametrize("what", ["disabled", "deleted"])
def test_s09_an_account_that_is_gone_is_out_at_once(
    house: Running, call: Call, visit: Visit, email: str, admin: ApiClient, what: str
) -> None:
    """A deleted or disabled account is out on both halves, with all its tokens, and can't come back (V7.4.2)."""
    client, browser = call(email), visit(email)
    personal = client.post("/api/users/me/tokens", json={"name": "script"}).json()["token"]
    user_id = client.get("/api/users/me").json()["id"]
    path = f"/api/admin/users/{user_id}"
    answer = admin.patch(path, json={"is_active": False}) if what == "disabled" else admin.delete(path)
    assert answer.status_code in (200, 204)
    assert client.get("/api/users/me").json()["code"] == f"account_{what}"
    assert client.refresh().json()["error"] == "invalid_grant"
    assert call().get("/api/users/me", headers={"Authorization": f"Bearer {personal}"}).status_code == 401
    script = browser.get("/api/users/me", headers=FROM_A_PAGE)
    assert (script.status_code, script.json()["code"]) == (401, f"account_{what}")
    assert browser.get("/account").status_code == 303
    assert call().log_in(email).status_code == 400
    assert visit().log_in(email).status_code == 401
    if what == "disabled":
        assert admin.patch(path, json={"is_active": True}).status_code == 200
        assert client.get("/api/users/me").status_code == 401
        assert browser.get("/account").status_code == 303


def test_s09_a_role_that_was_taken_away_is_gone_at_once(
    house: Running, call: Call, visit: Visit, admin: ApiClient
) -> None:
    """A former admin is no admin on either half, even with a token that still says so (V8.3.2)."""
    email = house.make_user(new_address(), roles=["admin"]).email
    client, browser = call(email), visit(email)
    assert client.get("/api/admin/users").status_code == 200
    assert browser.get("/admin/users").status_code == 200
    user_id = client.get("/api/users/me").json()["id"]
    old = client.access_token
    assert admin.patch(f"/api/admin/users/{user_id}", json={"roles": []}).status_code == 200
    assert browser.get("/admin/users").status_code == 404
    assert browser.get("/account").status_code == 200
    script = browser.get("/api/admin/users", headers=FROM_A_PAGE)
    assert script.status_code == 403
    assert client.get("/api/admin/users").json()["code"] == "rights_changed"
    assert client.refresh().status_code == 200
    assert client.get("/api/admin/users").status_code == 403
    assert client.get("/api/users/me").json()["roles"] == []
    late = call().get("/api/admin/users", headers={"Authorization": f"Bearer {old}"})
    assert late.status_code == 401
    with forging(house) as forger:
        cookie = make_cookie(house, {"access_token": old, "_permanent": True})
        assert forger.send("/admin/users", {"Cookie": f"session={cookie}"}).status in (303, 404)
