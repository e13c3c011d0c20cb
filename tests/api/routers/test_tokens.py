"""`/api/auth/token` and `/api/auth/revoke`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.api.answers import oauth_error, plain, problem
from tests.kit.duet import PASSWORD, ApiClient, Running

FORM = "application/x-www-form-urlencoded"
MARK = "Marker7Zq"
SignIn = Callable[..., ApiClient]


def post(
    duet: Running, path: str, body: str | bytes, content_type: str | None = FORM, **headers: str
) -> httpx.Response:
    """Sends a request of any shape."""
    if content_type is not None:
        headers["Content-Type"] = content_type
    return plain.post(duet.url + path, content=body, headers=headers)


def token(duet: Running, **form: str) -> httpx.Response:
    """Asks for tokens."""
    return post(duet, "/api/auth/token", urlencode(form))


def test_a_password_yields_tokens(duet: Running, api: ApiClient) -> None:
    """The answer follows RFC 6749 section 5.1, no cache keeps it, and its token opens the API."""
    duet.make_user()
    answer = api.log_in()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 900, "read write")
    assert "set-cookie" not in answer.headers
    assert api.get("/api/users/me").json()["email"] == "ada@example.com"


def test_a_refresh_rotates(duet: Running, api: ApiClient) -> None:
    """Each refresh gives a new, uncached pair; the older token works within the grace, and its reuse ends all."""
    duet.make_user()
    api.log_in()
    first, access = api.refresh_token, api.access_token
    answer = api.refresh()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    second = api.refresh_token
    assert second != first
    assert api.access_token != access
    assert api.refresh(first).json()["refresh_token"] == second
    assert api.refresh(second).status_code == 200
    oauth_error(api.refresh(first), "invalid_grant")
    oauth_error(api.refresh(api.refresh_token), "invalid_grant")
    refused = api.get("/api/users/me")
    assert problem(refused, 401)["code"] == "refresh_reused"


@pytest.mark.parametrize("kind", ["access token", "other user's session", "rubbish", "nothing", "cookie"])
def test_what_is_no_refresh_token_is_no_grant(shared: Running, sign_in: SignIn, kind: str) -> None:
    """At the refresh an access token is `invalid_grant` (item 3), like any other text; nobody is logged out."""
    client = sign_in()
    forged = {
        "access token": client.access_token,
        "other user's session": client.refresh_token[:-43] + sign_in().refresh_token[-43:],
        "rubbish": "\U0001f600\0 x",
        "nothing": "",
        "cookie": "eyJhIjoxfQ.abc.def",
    }[kind]
    answer = token(shared, grant_type="refresh_token", refresh_token=forged)
    oauth_error(answer, "invalid_request" if kind == "nothing" else "invalid_grant")
    assert client.get("/api/users/me").status_code == 200
    assert client.refresh().status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("grant_type=password", "invalid_request"),
        (f"grant_type=password&username={MARK}", "invalid_request"),
        (f"grant_type=password&password={MARK}", "invalid_request"),
        ("grant_type=password&username=&password=", "invalid_request"),
        (f"grant_type={MARK}&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=client_credentials", "unsupported_grant_type"),
        ("grant_type=PASSWORD&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=refresh_token", "invalid_request"),
        (f"grant_type=password&grant_type=password&username={MARK}&password=b", "invalid_request"),
        (f"grant_type=password&username={MARK}&password=b&password=c", "invalid_request"),
        (f"grant_type=password&username={MARK}&username={MARK}&password=c", "invalid_request"),
        (f"grant_type=password&username[$ne]={MARK}&password[$ne]=x", "invalid_request"),
        (f"grant_type=password&username={MARK}&password=%00%ff%ed%a0%80", "invalid_grant"),
        ("&".join(f"a{number}={MARK}" for number in range(100)), "invalid_request"),
        ("&" * 1000, "invalid_request"),
        ("=" * 1000, "invalid_request"),
        (f"%%%={MARK}%", "invalid_request"),
        (f"grant_type=password;username={MARK};password=b", "unsupported_grant_type"),
    ],
)
def test_a_malformed_form_says_which_rule_it_broke(shared: Running, form: str, error: str) -> None:
    """It is a 400 with an error code (RFC 6749 section 5.2), which never repeats what was sent."""
    answer = post(shared, "/api/auth/token", form)
    oauth_error(answer, error)
    assert MARK not in answer.text


@pytest.mark.parametrize("path", ["/api/auth/token", "/api/auth/revoke"])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/plain",
        None,
        "",
        "x" * 900,
    ],
)
def test_only_a_form_is_taken(shared: Running, path: str, content_type: str | None) -> None:
    """Any other body, JSON above all, is a 400 with the reason."""
    good = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD, "token": MARK}
    for body in (
        json.dumps(good),
        json.dumps({"username": {"$ne": None}, "token": {"$ne": None}}),
        urlencode(good),
        "",
    ):
        oauth_error(post(shared, path, body, content_type), "invalid_request")


def test_a_well_formed_multipart_form_is_not_taken(shared: Running, sign_in: SignIn) -> None:
    """RFC 6749 section 4.3.2 knows one media type, and each further one is a parser for strangers to attack."""
    client = sign_in()
    fields = {"grant_type": "password", "username": client.email, "password": PASSWORD}  # type: ignore[attr-defined]
    answer = client.post("/api/auth/token", files={name: (None, value) for name, value in fields.items()})
    oauth_error(answer, "invalid_request")


def test_a_charset_behind_the_form_s_type_is_no_hindrance(shared: Running, sign_in: SignIn) -> None:
    """Clients add `; charset=utf-8` and spell the type in any case."""
    client = sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": client.refresh_token}
    for kind in (f"{FORM}; charset=utf-8", "Application/X-WWW-Form-Urlencoded", f"{FORM};charset=nonsense"):
        answer = post(shared, "/api/auth/token", urlencode(form), kind)
        assert answer.status_code == 200
        form["refresh_token"] = answer.json()["refresh_token"]


def test_parameters_in_the_query_are_ignored(shared: Running, sign_in: SignIn) -> None:
    """Passwords and tokens in a URL would end up in logs (RFC 6749 section 2.3.1)."""
    client = sign_in()
    query = urlencode({"grant_type": "refresh_token", "refresh_token": client.refresh_token})
    oauth_error(post(shared, f"/api/auth/token?{query}", ""), "invalid_request")
    oauth_error(
        post(shared, "/api/auth/revoke?" + urlencode({"token": client.refresh_token}), ""), "invalid_request"
    )
    assert client.get("/api/users/me").status_code == 200


@pytest.mark.parametrize("spelling", ["//api/auth/token", "/api//auth/token", "/api/auth///token"])
def test_more_slashes_are_the_same_address(shared: Running, spelling: str) -> None:
    """Another spelling of the path gets around nothing, and the answer is still JSON (item 27)."""
    oauth_error(post(shared, spelling, "grant_type=x"), "unsupported_grant_type")


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_a_revoked_token_s_session_is_over(sign_in: SignIn, which: str) -> None:
    """Revoking is a 200 (RFC 7009), and both tokens are dead at once; other sessions live on."""
    client = sign_in()
    other = sign_in(client.email)  # type: ignore[attr-defined]
    answer = client.post("/api/auth/revoke", data={"token": getattr(client, which), "token_type_hint": "nonsense"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    refused = client.get("/api/users/me")
    assert problem(refused, 401)["code"] == "logged_out"
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    oauth_error(client.refresh(), "invalid_grant")
    assert other.get("/api/users/me").status_code == 200
    assert other.refresh().status_code == 200


@pytest.mark.parametrize("text", ["x", "a.b.c", "duet_rt_x.1." + "A" * 43, "é\0", "x" * 60_000, "{}", "null"])
def test_revoking_what_is_no_token_is_fine(shared: Running, text: str) -> None:
    """Any text is a 200 (RFC 7009 section 2.2); a request without a token is malformed."""
    assert post(shared, "/api/auth/revoke", urlencode({"token": text})).status_code == 200
    oauth_error(post(shared, "/api/auth/revoke", "token="), "invalid_request")
    oauth_error(post(shared, "/api/auth/revoke", "token=a&token=b"), "invalid_request")


def test_a_bad_token_beside_a_login_is_no_hindrance(sign_in: SignIn) -> None:
    """Clients that always send their old token can still log in and refresh."""
    client = sign_in()
    client.headers["Authorization"] = "Bearer nonsense"
    assert client.refresh().status_code == 200
    client.headers["Authorization"] = "Bearer nonsense"
    assert client.log_in(client.email).status_code == 200  # type: ignore[attr-defined]


def test_unknown_addresses_and_methods_speak_oauth_there(shared: Running) -> None:
    """The answer is JSON of the same form, with `Allow` on a 405, and never a page."""
    oauth_error(plain.get(f"{shared.url}/api/auth/nothing"), "invalid_request", 404)
    wrong: dict[str, Any] = {"error": "invalid_request", "status": 405}
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        answer = plain.request(method, f"{shared.url}/api/auth/token")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), wrong
