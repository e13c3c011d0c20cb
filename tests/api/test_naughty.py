"""Naughty strings in every field of the API are refused or accepted, and never a server error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.kit.duet import PASSWORD, ApiClient, Running
from tests.kit.naughty import Sender, form, naughty_strings, quiet

FORM: dict[str, bytes | str] = {"Content-Type": "application/x-www-form-urlencoded"}
JSON: dict[str, bytes | str] = {"Content-Type": "application/json"}
LOGIN = form(grant_type="password", username="ada@example.com", password=PASSWORD)
Request = tuple[str, str, bytes | str, dict[str, bytes | str]]


def _token(**fields: str) -> Request:
    return "POST", "/api/auth/token", form(**fields), FORM


def _json(method: str, path: str, **fields: object) -> Request:
    return method, path, json.dumps(fields), JSON


FIELDS: dict[str, Callable[[str], list[Request]]] = {
    "the token endpoint": lambda text: [
        _token(grant_type="password", username=text, password=text, scope=text),
        _token(grant_type="refresh_token", refresh_token=text),
        _token(grant_type=text, username=text),
        ("POST", "/api/auth/token", form(**{text: text}), FORM),
        ("POST", "/api/auth/token", text, FORM),
    ],
    "revocation": lambda text: [
        ("POST", "/api/auth/revoke", form(token=text, token_type_hint=text), FORM),
        ("POST", "/api/auth/revoke", form(token=f"duet_rt_{text}.1.{'A' * 43}"), FORM),
    ],
    "registration": lambda text: [
        _json("POST", "/api/users", email=text, password=text, name=text),
        _json("POST", "/api/users", email=f"{text}@example.com", password=PASSWORD),
        _json("POST", "/api/users", email="ada@example.com", password=text + PASSWORD, name=text),
        _json("POST", "/api/users", email="a@example.com", password=PASSWORD, **{f"x{text}": text}),
        _json("POST", "/api/users", email="b@example.com", password=PASSWORD, invite=text),
    ],
    "links and mails": lambda text: [
        _json("POST", "/api/auth/forgot-password", email=text),
        _json("POST", "/api/auth/resend-verification", email=f"{text}@example.com"),
        _json("POST", "/api/auth/reset-password", token=text, password=text),
        _json("POST", "/api/auth/reset-password", token=f"{'A' * 22}.{text}", password=PASSWORD),
        _json("POST", "/api/auth/verify-email", token=text),
        ("POST", "/api/auth/verify-email", text, JSON),
    ],
    "the administration": lambda text: [
        ("GET", f"/api/admin/users?query={_quoted(text)}", "", {}),
        ("GET", f"/api/admin/users?limit={_quoted(text)}&cursor={_quoted(text)}", "", {}),
        ("GET", f"/api/admin/users?cursor={_quoted(text)}", "", {}),
        ("GET", f"/api/admin/audit?user={_quoted(text)}&event={_quoted(text)}&limit=1", "", {}),
        ("GET", f"/api/admin/audit?user={_quoted(text)}@example.com", "", {}),
        ("GET", f"/api/users/me/audit?cursor={_quoted(text)}&limit=1", "", {}),
        ("GET", f"/api/admin/users/{_quoted(text)}", "", {}),
        ("GET", f"/api/admin/users/{_quoted(text)}/sessions", "", {}),
        ("DELETE", f"/api/admin/invites/{_quoted(text)}", "", {}),
        _json("PATCH", f"/api/admin/users/{_quoted(text)}", roles=[text]),
        _json("PATCH", "/api/admin/users/nobody", roles=[text], is_active=text),
        _json("POST", "/api/admin/invites", email=text, roles=[text], expires_in_days=text),
        _json("POST", "/api/admin/invites", email=f"{text}@example.com"),
    ],
    "one's own account": lambda text: [
        _json("PATCH", "/api/users/me", name=text),
        ("GET", "/api/users/me", "", {}),
        _json("DELETE", "/api/users/me", password=text),
        _json("POST", "/api/users/me/password", current_password=text, new_password=text + PASSWORD),
        _json("POST", "/api/users/me/email", password=text, email=f"{text}@example.com"),
    ],
    "addresses": lambda text: [
        ("DELETE", f"/api/users/me/sessions/{_quoted(text)}", "", {}),
        ("GET", f"/api/{_quoted(text)}", "", {}),
        ("GET", f"/api/users/me?q={_quoted(text)}", "", {}),
    ],
    "headers": lambda text: [
        ("GET", "/api/users/me", "", {"Authorization": b"Bearer " + _header(text)}),
        ("GET", "/healthz", "", {"X-Request-ID": _header(text), "X-Forwarded-For": _header(text)}),
        ("POST", "/api/auth/token", LOGIN, {**FORM, "User-Agent": _header(text)}),
    ],
}


def _quoted(text: str) -> str:
    """The text as a part of a URL, with everything escaped."""
    return quote(text, safe="", errors="surrogatepass")


def _header(text: str) -> bytes:
    """As much of the text as a client can send in a header."""
    return "".join(char for char in text if char.isprintable())[:500].encode("utf-8", "ignore")


@pytest.fixture(scope="module")
def ada(shared: Running) -> Iterator[ApiClient]:
    """An admin who sends a lot."""
    shared.make_user(roles=["admin"])
    with quiet(), ApiClient(shared.url, verify=False) as client:
        client.log_in()
        yield client


@pytest.mark.parametrize(("turn", "field"), list(enumerate(FIELDS)))
def test_no_field_breaks_the_api(ada: ApiClient, turn: int, field: str) -> None:
    """Each of 700 strings, in every call and field by turns, gets an answer of this API, in JSON or empty."""
    sender = Sender(str(ada.base_url))
    own = {"Authorization": f"Bearer {ada.access_token}"}
    for number, text in enumerate(naughty_strings(turn=turn)):
        for method, path, body, headers in FIELDS[field](text)[number % 2 :: 2]:
            answer = sender.send(method, path, body, {**own, **headers})
            assert answer.status < 500, (text, method, path, answer.text)
            kind = answer.headers.get("Content-Type", "application/json")
            assert kind.startswith(("application/json", "application/problem+json")), (text, method, path)
    sender.close()
    assert ada.get("/api/users/me").status_code == 200
