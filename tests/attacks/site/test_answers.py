"""Items 31 and 32: the API speaks JSON, and no answer repeats what somebody typed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.conftest import Call, Visit
from tests.attacks.probe import SECRET_IN_ERROR
from tests.attacks.raw import ask, bearer, filled, one, request
from tests.kit.duet import Running

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"

# 31: JSON below /api

SPELLINGS = (
    "/api",
    "/api/",
    "/api/nothing",
    "//api/nothing",
    "/api//nothing",
    "/%61pi/nothing",
    "/api/%2e%2e/login",
)
ODD = {
    "missing": [request(path) for path in SPELLINGS],
    "method": [request(f"/api/{path}", method="PUT") for path in ("users/me", "auth/token", "docs")],
    "form": [
        request("/api/users", method="POST", body=b"a=b"),
        request("/api/auth/token", JSON, method="POST", body=b"{}"),
    ],
    "body": [
        request("/api/users", JSON, method="POST", body=body) for body in (b"{", b"[]", b"\xff", b"null", b'"a"')
    ],
    "login": [
        request("/api/users/me"),
        request("/api/admin/users", bearer("a.b.c")),
        request("/api/users/me", bearer("a")),
    ],
    "broken": [request("/api/probe/boom")],
    "host": [request("/api/nothing", host=None), request("/api/auth/token", host="a b")],
    "path": [request("/api/%ff"), request("/api/%00"), request("/api/" + "a" * 9000), request("/api/nothing?%ff")],
    "size": [
        request("/api/users", JSON, "Content-Length: 99999999", method="POST"),
        request("/api/auth/token", FORM, "Content-Length: 99999999", method="POST"),
        request("/api/nothing", "X-A: " + "a" * 33_000),
    ],
    "accept": [request("/api/nothing", "Accept: text/html"), request("/api/users/me", "Accept: text/html")],
}


@pytest.mark.parametrize("kind", ODD)
def test_s31_the_api_speaks_json(house: Running, kind: str) -> None:
    """The API answers every error in JSON, even what the edge refuses, and whatever format a browser asks for."""
    for data in ODD[kind]:
        answer = one(house.url, data)
        assert answer.status >= 400, data[:100]
        # Below /api/auth programs expect the errors of RFC 6749, elsewhere problem details (RFC 9457).
        is_oauth = b"/api/auth/" in data.partition(b"\r\n")[0]
        expected = "application/json" if is_oauth else "application/problem+json"
        assert answer.header("content-type") == expected, data[:100]
        assert ("error" if is_oauth else "title") in answer.json(), data[:100]
        assert "<" not in answer.text


def test_s31_what_is_no_http_is_told_so_in_two_words(house: Running) -> None:
    """The exception is what the parser can't read: it has no path yet, so clients of both halves get plain
    text."""
    for target in ("/api/users/me", "/login"):
        for data in (request(target, method="BREW"), request(target, "a b: c"), request(f"{target}?\x80")):
            answer = one(house.url, data)
            assert (answer.status, answer.text) == (400, "Bad request")
            assert answer.header("content-type") == "text/plain; charset=utf-8"


def test_s31_a_half_sent_body_gets_json_too(hasty: Running) -> None:
    """A half-sent body below `/api` gets its 408 as JSON, because a program reads it."""
    for target, kind in (("/api/users", JSON), ("/api/auth/token", FORM)):
        answer = one(hasty.url, request(target, kind, "Content-Length: 100", method="POST") + b"{")
        assert answer.status == 408
        assert "json" in answer.header("content-type")
        assert isinstance(answer.json(), dict)


# 32: nothing is echoed

TYPED = "Tell-Nobody-What-I-Typed-7Qm2"


def inputs(house: Running) -> Iterator[tuple[str, str, bytes]]:
    """Every call of the API with a body that is wrong in as many ways as its description allows."""
    for path, operations in house.app.state.api.openapi()["paths"].items():
        for method, operation in operations.items():
            if method not in ("post", "put", "patch", "delete"):
                continue
            names = _fields(house.app.state.api.openapi(), operation)
            wrong: list[dict[str, Any]] = [
                dict.fromkeys(names, value) for value in (TYPED, [TYPED], {TYPED: TYPED}, 10**30)
            ]
            wrong += [{**dict.fromkeys(names, TYPED), TYPED: TYPED}, {**dict.fromkeys(names, TYPED * 200)}]
            for body in (*wrong, [TYPED], TYPED):
                yield method.upper(), f"/api{filled(path)}", json.dumps(body).encode()
            yield method.upper(), f"/api{filled(path)}", b'{"email": "' + TYPED.encode()


def _fields(description: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = next((kind["schema"] for kind in content.values()), {})
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


def test_s32_no_answer_of_the_api_echoes_what_was_typed(house: Running, email: str, call: Call) -> None:
    """Wrong types, excess, unknown fields, and broken JSON and queries are not echoed by any call, for an
    admin."""
    admin = call(house.make_user(f"chief.{email}", roles=["admin"]).email)
    statuses = set()
    for (method, path, body), kind in itertools.product(inputs(house), (JSON, FORM)):
        name, _, value = kind.partition(": ")
        answer = admin.request(method, path, content=body, headers={name: value})
        assert answer.is_success or TYPED not in answer.text, (method, path, body[:80], answer.text[:300])
        assert TYPED not in str(answer.headers)
        assert answer.status_code < 500, (method, path, body[:80])
        statuses.add(answer.status_code)
    assert {400, 422} <= statuses
    for path in ("/api/admin/users", "/api/admin/audit", "/api/users/me/audit"):
        for query in (f"limit={TYPED}", f"cursor={TYPED}", f"{TYPED}=1", f"limit={TYPED}&{TYPED}={TYPED}"):
            answer = admin.get(f"{path}?{query}")
            assert answer.status_code in (200, 400, 422), answer.text
            assert TYPED not in answer.text


def test_s32_no_page_echoes_a_secret(house: Running, email: str, visit: Visit) -> None:
    """A form that was wrong never shows a password again, and a page that refuses a token never shows the
    token."""
    stranger, browser = visit(), visit(email)
    for who, path, fields in (
        (stranger, "/login", {"email": email, "password": TYPED}),
        (stranger, "/register", {"email": "no address", "password": TYPED, "name": "x"}),
        (browser, "/account/password", {"current_password": TYPED, "new_password": TYPED[:9]}),
        (browser, "/account/email", {"email": "no address", "password": TYPED}),
        (browser, "/account/delete", {"password": TYPED}),
        (browser, "/reauthenticate", {"password": TYPED}),
    ):
        answer = who.submit(path, **fields)
        assert answer.status_code in (401, 422), path
        assert TYPED not in answer.text, path
        assert TYPED[:9] not in answer.text.replace(email, ""), path
    for path in ("/reset-password/", "/verify-email/", "/invite/", "/setup/", f"/static/{TYPED}?v=", f"/{TYPED}/"):
        answer = stranger.get(path + TYPED)
        assert answer.status_code in (400, 404)
        assert TYPED not in answer.text, path
    answer = stranger.post("/login", data={"csrf_token": TYPED, "email": "x", "password": TYPED})
    assert answer.status_code == 400
    assert TYPED not in answer.text


def test_s32_a_failure_inside_tells_nothing(house: Running) -> None:
    """Neither half shows the text, type or place of an exception."""
    for target in ("/probe/boom", "/api/probe/boom"):
        answer = one(house.url, request(target, "X-Debug: 1", f"Cookie: a={TYPED}"))
        assert answer.status == 500
        for told in (SECRET_IN_ERROR, "RuntimeError", "Traceback", "probe.py", TYPED):
            assert told not in answer.text


def test_s32_what_can_not_be_parsed_is_not_echoed(house: Running) -> None:
    """The edge and the protocol do not echo the targets, hosts and headers that they refuse."""
    for data in (
        request(f"/{TYPED}%ff"),
        request(f"/api/{TYPED}%00"),
        request("/login", host=f"{TYPED}@a"),
        request("/login", f"{TYPED} : a"),
        request("/login", f"Content-Length: {TYPED}", method="POST"),
        request("/login", f"Transfer-Encoding: {TYPED}", method="POST"),
        f"{TYPED} / HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        request(f"http://{TYPED}/"),
    ):
        for answer in ask(house.url, data):
            assert 400 <= answer.status < 500
            assert TYPED not in answer.text + str(answer.headers)
