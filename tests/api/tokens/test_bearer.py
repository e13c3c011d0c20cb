"""The API learns who is calling from a bearer token in the header, and from nothing else."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from app.auth.keys import KeyRing, Purpose
from app.auth.models import Client
from app.auth.tokens import AccessTokens
from tests.api.answers import plain, problem
from tests.auth.house import FakeClock
from tests.auth.jws import header_for, signed
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running
from tests.kit.live import talk

SignIn = Callable[..., ApiClient]
PROTECTED = [
    ("GET", "/api/users/me"),
    ("PATCH", "/api/users/me"),
    ("DELETE", "/api/users/me"),
    ("POST", "/api/users/me/password"),
    ("GET", "/api/users/me/sessions"),
    ("DELETE", "/api/users/me/sessions"),
    ("DELETE", "/api/users/me/sessions/x"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"name": 1}', b"\xff\xfe", b"[" * 5000, b'{"password": {"$ne": null}}']
)
def test_the_policy_comes_before_the_body(shared: Running, method: str, path: str, body: bytes) -> None:
    """Without a token it is a 401 with RFC 6750's plain challenge, whatever the body is."""
    answer = plain.request(method, shared.url + path, content=body, headers={"Content-Type": "application/json"})
    assert problem(answer, 401)["code"] == "token_missing"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = plain.request(
        method,
        shared.url + path,
        content=body,
        headers={"Content-Type": "application/json", "Authorization": "Bearer x.y.z"},
    )
    assert problem(answer, 401)["code"] == "token_invalid"


def test_the_policy_does_not_wait_for_the_body(shared: Running) -> None:
    """A caller without a token is answered before the body that was announced has come."""
    host = urlsplit(shared.url).netloc
    head = f"PATCH /api/users/me HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
    head += "Content-Type: application/json\r\n"
    with socket.create_connection((urlsplit(shared.url).hostname, urlsplit(shared.url).port), 10) as connection:
        connection.sendall(f"{head}\r\n{{".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def bad_tokens(client: ApiClient) -> dict[str, str]:
    """Tokens that must not count."""
    key = KeyRing([SECRET]).keys(Purpose.ACCESS_TOKEN)[0]
    csrf = KeyRing([SECRET]).keys(Purpose.CSRF)[0]
    head, body, mac = client.access_token.split(".")
    return {
        "rubbish": "rubbish-token",
        "three parts": "a.b.c",
        "refresh token": client.refresh_token,
        "padded": f"{client.access_token}=",
        "unsigned": f"{head}.{body}.",
        "cut": f"{head}.{body}.{mac[:-1]}",
        "doubled": f"{client.access_token} x",
        "other key": signed(header_for(csrf), {"sub": "x"}, csrf.secret),
        "no claims": signed(header_for(key), {}, key.secret),
        "surrogate": signed(header_for(key), b'{"iss": "\\ud800"}', key.secret),
        "deep": "x." + "W" * 8000 + ".x",
        "quoted": f'"{client.access_token}"',
        "comma": f"{client.access_token}, {client.access_token}",
    }


def test_a_bad_token_is_a_401_and_nothing_else(shared: Running, sign_in: SignIn) -> None:
    """The challenge says `invalid_token` and the body why; the token is shown nowhere (item 7)."""
    client = sign_in()
    for name, token in bad_tokens(client).items():
        answer = plain.get(f"{shared.url}/api/users/me", headers={"Authorization": f"Bearer {token}"})
        assert problem(answer, 401)["code"] == "token_invalid", name
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
        assert token not in answer.text + str(answer.headers)
    assert client.get("/api/users/me").status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer \xff\xfe",
        b"Bearer \xed\xa0\x80",
        b"Bearer",
        b"Bearer ",
        b"bearer\tx",
        b"\xff",
        b"",
        b"Basic eDp5",
        b"Negotiate x",
    ],
)
def test_rubbish_in_the_header_is_a_401(shared: Running, value: bytes) -> None:
    """Bytes that are no text, a missing token and another scheme are a 401."""
    host = urlsplit(shared.url).netloc.encode()
    answer = talk(
        shared.url,
        b"GET /api/users/me HTTP/1.1\r\nHost: "
        + host
        + b"\r\nConnection: close\r\nAuthorization: "
        + value
        + b"\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nwww-authenticate: Bearer" in answer.replace(b"WWW-Authenticate", b"www-authenticate")


def test_the_scheme_is_case_insensitive(shared: Running, sign_in: SignIn) -> None:
    """The scheme counts in any case (RFC 9110 section 11.1), and additional blanks do no harm."""
    token = sign_in().access_token
    for scheme in ("bearer ", "BEARER ", "Bearer   "):
        assert (
            plain.get(f"{shared.url}/api/users/me", headers={"Authorization": scheme + token}).status_code == 200
        )


def test_a_token_in_the_query_or_the_body_is_ignored(shared: Running, sign_in: SignIn) -> None:
    """A token counts in the header only (item 8): URLs are logged, and forms come from other sites."""
    token = sign_in().access_token
    for name in ("access_token", "token", "authorization"):
        answer = plain.get(f"{shared.url}/api/users/me", params={name: token})
        assert problem(answer, 401)["code"] == "token_missing"
    answer = plain.request("PATCH", f"{shared.url}/api/users/me", data={"access_token": token})
    assert problem(answer, 401)["code"] == "token_missing"


def test_two_authorization_headers_are_refused(shared: Running, sign_in: SignIn) -> None:
    """A proxy may have judged the other header, so even the same token twice is refused."""
    token = f"Bearer {sign_in().access_token}"
    for pair in (
        (token, token),
        (token, "Bearer x"),
        ("Bearer x", token),
        (token, "Basic eDp5"),
        ("Basic eDp5", token),
    ):
        answer = plain.get(f"{shared.url}/api/users/me", headers=[("Authorization", value) for value in pair])
        problem(answer, 401)


def test_a_cookie_alone_writes_nothing(shared: Running, sign_in: SignIn) -> None:
    """The cookie's value is no token either, and the cookie does not help beside a bad token (item 20)."""
    client = sign_in()
    with Browser(shared.url, verify=False) as browser:
        assert browser.log_in(client.email).status_code == 303  # type: ignore[attr-defined]
        assert browser.get("/account").status_code == 200
        for method, path in PROTECTED:
            if method != "GET":
                assert problem(browser.request(method, path), 401)["code"] == "token_missing"
        cookie = browser.cookies["session"]
        for value in (cookie, cookie.strip(".").split(".")[0], f"session={cookie}"):
            answer = browser.get("/api/users/me", headers={"Authorization": f"Bearer {value}"})
            assert problem(answer, 401)["code"] == "token_invalid"
        # A cookie does not disturb a good token.
        answer = browser.get("/api/users/me", headers={"Authorization": f"Bearer {client.access_token}"})
        assert answer.status_code == 200


def test_each_ending_has_its_reason(shared: Running, sign_in: SignIn) -> None:
    """After a revocation, disabling, new roles or deletion a token is a 401 at once, and the code says why
    (item 9)."""
    test = Client("test")
    administration = shared.auth.administration

    def code(client: ApiClient) -> str:
        answer = client.get("/api/users/me")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        return str(problem(answer, 401)["code"])

    ended, disabled, promoted, deleted = (sign_in() for _ in range(4))
    ids = [client.get("/api/users/me").json()["id"] for client in (disabled, promoted, deleted)]
    current = ended.get("/api/users/me/sessions").json()[0]["id"]
    assert ended.delete(f"/api/users/me/sessions/{current}").status_code == 204
    shared.wait(administration.set_active(ids[0], False, test))
    shared.wait(administration.set_roles(ids[1], ["admin"], test))
    shared.wait(administration.delete(ids[2], test))
    assert [code(client) for client in (ended, disabled, promoted, deleted)] == [
        "session_revoked",
        "account_disabled",
        "rights_changed",
        "account_deleted",
    ]
    assert promoted.refresh().status_code == 200
    assert promoted.get("/api/users/me").json()["roles"] == ["admin"]


def test_an_account_that_another_container_just_deleted_is_nobody(shared: Running, sign_in: SignIn) -> None:
    """Even before the poll brings the news its owner gets a 401, and not a 404 for their own account."""
    client = sign_in()
    user_id = client.get("/api/users/me").json()["id"]
    shared.wait(shared.auth.accounts.store.delete_user(user_id, at=shared.auth.clock.now()))
    answers = [
        client.get("/api/users/me"),
        client.patch("/api/users/me", json={"name": "Ada"}),
        client.request("DELETE", "/api/users/me", json={"password": PASSWORD}),
        client.post("/api/users/me/password", json={"current_password": PASSWORD, "new_password": PASSWORD * 2}),
    ]
    assert {problem(answer, 401)["code"] for answer in answers} == {"account_deleted"}


def test_an_expired_token_is_told_apart(shared: Running, sign_in: SignIn) -> None:
    """The code `token_expired` says that a refresh is enough."""
    client, auth = sign_in(), shared.auth
    principal = auth.sessions.authenticate(client.access_token)
    session, user = shared.wait(auth.sessions.store.session_with_user(principal.session_id))
    earlier = FakeClock()
    earlier.step(minutes=-16)
    tokens = AccessTokens(
        auth.signing.book,
        issuer=auth.config.issuer,
        lifetime=auth.config.access_lifetime,
        clock=earlier,
    )
    token, _ = tokens.issue(user, session)
    answer = plain.get(f"{shared.url}/api/users/me", headers={"Authorization": f"Bearer {token}"})
    assert problem(answer, 401)["code"] == "token_expired"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert client.get("/api/users/me").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/api//nothing", "//api/x", "/api/users/me/", "/api/users/x", "/api/login"],
)
def test_an_unknown_address_is_json(shared: Running, path: str) -> None:
    """Everybody gets a 404 with problem details, and never Flask's page (item 31)."""
    host = urlsplit(shared.url).netloc
    answer = talk(shared.url, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in answer
    assert b"<html" not in answer


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/users/me", "DELETE, GET, PATCH"),
        ("/api/users", "POST"),
        ("/api/users/me/sessions", "DELETE, GET"),
        ("/api/users/me/sessions/x", "DELETE"),
        ("/api/users/me/password", "POST"),
        ("/api/openapi.json", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(shared: Running, path: str, allow: str) -> None:
    """A 405 has every method in `Allow`, for everybody, before any policy (RFC 9110 section 15.5.6)."""
    answer = plain.request("PUT", shared.url + path)
    problem(answer, 405)
    assert ", ".join(sorted(re.split(r", *", answer.headers["Allow"]))) == allow


def test_every_answer_is_kept_by_nobody_and_sniffed_by_nobody(shared: Running, sign_in: SignIn) -> None:
    """This holds for refusals and successes alike (item 28)."""
    client = sign_in()
    for answer in (
        client.get("/api/users/me"),
        client.get("/api/nothing"),
        plain.get(f"{shared.url}/api/users/me"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-ID"]
