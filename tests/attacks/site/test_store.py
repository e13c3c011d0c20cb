"""Items 33 and 34, on both stores: what reaches the store, and that one email address is one account."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import new_address
from tests.attacks.forge import forging
from tests.attacks.logins.ways import logs_in, post, try_api
from tests.attacks.raw import filled
from tests.kit.cookies import give_cookie, make_cookie
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running
from tests.kit.wire import Wire

#: What MongoDB would read as a condition, and SQLite as something other than text.
OPERATORS: list[Any] = [
    {"$ne": None},
    {"$gt": ""},
    {"$regex": ".*"},
    {"$where": "sleep(1)"},
    {"$in": ["a"]},
    [{"$ne": None}],
    ["a@example.com"],
    True,
    7,
]


@pytest.fixture
def duet(tmp_path: Path, database_url: str) -> Iterator[Running]:
    """A Duet on each store."""
    with running(make_settings(tmp_path, database_url=database_url)) as one:
        yield one


# 33: operators and unknown fields


def bodies(duet: Running) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every call of the API that takes JSON: method, path, and its fields with values of the right type."""
    description = duet.app.state.api.openapi()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
                fields = description["components"]["schemas"][name]["properties"]
                yield method.upper(), f"/api{filled(path)}", {field: _plausible(field) for field in fields}


def _plausible(field: str) -> Any:
    values = {"email": "x@example.com", "roles": ["editor"], "is_active": True, "expires_in_days": 7}
    return {**values, "read_only": False, "name": "x"}.get(field, PASSWORD)


def test_s33_an_operator_in_a_field_is_no_value(duet: Running) -> None:
    """An operator in any field of any call is a 422, or a 400 below `/api/auth`, and nothing is done."""
    email = duet.make_user("chief@example.com", roles=["admin"]).email
    tried = 0
    with ApiClient(duet.url, verify=False) as api:
        api.log_in(email)
        before = api.get("/api/admin/users").json()
        for method, path, fields in bodies(duet):
            for field in fields:
                for operator in OPERATORS:
                    if (
                        operator is fields[field]
                        or (field == "read_only" and operator is True)
                        or (field == "expires_in_days" and operator == 7)
                    ):
                        continue
                    answer = api.request(method, path, json={**fields, field: operator})
                    expected = 400 if path.startswith("/api/auth/") else 422
                    assert answer.status_code == expected, (method, path, field, operator, answer.text)
                    tried += 1
        assert tried > 100
        assert api.get("/api/admin/users").json() == before
    assert logs_in(duet, email, PASSWORD)


def test_s33_an_operator_in_a_form_a_query_or_a_path_is_text(duet: Running) -> None:
    """An operator, as PHP would parse it or as JSON in a string, lets nobody in and finds nobody."""
    email = duet.make_user("chief@example.com", roles=["admin"]).email
    for form in (
        {"grant_type": "password", "username[$ne]": "x", "password[$ne]": "x"},
        {"grant_type": "password", "username": email, "password[$ne]": "x"},
        {"grant_type": "password", "username": '{"$ne": null}', "password": '{"$ne": null}'},
        {"grant_type[$ne]": "x", "username": email, "password": PASSWORD},
        {"grant_type": "refresh_token", "refresh_token[$ne]": "x"},
        {"grant_type": "refresh_token", "refresh_token": '{"$ne": null}'},
    ):
        assert post(duet, "/api/auth/token", data=form).status_code == 400, form
    with Browser(duet.url, verify=False) as browser:
        for fields in (
            {"email[$ne]": "x", "password[$ne]": "x"},
            {"email": '{"$ne": null}', "password": PASSWORD},
        ):
            answer = browser.post("/login", data={"csrf_token": browser.csrf_token(), **fields})
            assert answer.status_code in (401, 422), fields
        for path in ("reset-password", "verify-email", "invite", "setup"):
            for token in ('{"$ne": null}', "[$ne]", "$where"):
                assert browser.get(f"/{path}/{token}").status_code in (400, 404)
    with ApiClient(duet.url, verify=False) as api:
        api.log_in(email)
        duet.make_user("other@example.com")
        assert api.get("/api/admin/users?query[$ne]=x").status_code == 422
        assert api.get("/api/admin/users", params={"query": '{"$ne": null}'}).json()["items"] == []
        assert api.get("/api/admin/users", params={"query": ".*"}).json()["items"] == []
        assert api.get("/api/admin/audit", params={"user": '{"$ne": null}'}).json()["items"] == []
        assert api.get('/api/admin/users/{"$ne": null}').status_code == 404
        assert api.delete('/api/users/me/sessions/{"$ne": null}').status_code == 404


def test_s33_an_operator_in_a_claim_or_a_cookie_is_nobody(duet: Running) -> None:
    """Even validly signed, an operator is a 401 on the API and the login page, and it ends nothing."""
    with forging(duet) as forger, Browser(duet.url, verify=False) as browser:
        for claim in ("sub", "sid", "jti", "client_id", "roles", "scope", "iss", "aud", "rights_version", "exp"):
            for operator in OPERATORS:
                if operator == ["a@example.com"] and claim == "roles":
                    continue  # those are roles
                if isinstance(operator, int) and claim in ("rights_version", "exp") and operator is not True:
                    continue  # those are numbers
                token = forger.sign(**{claim: operator})
                assert forger.as_bearer(token).status == 401, (claim, operator)
                assert forger.in_session(token).status == 303, (claim, operator)
        for operator in OPERATORS:
            give_cookie(browser, make_cookie(duet, {"access_token": operator, "csrf_token": operator}))
            assert browser.get("/account").status_code == 303
            assert browser.get("/login").status_code == 200
            give_cookie(browser, make_cookie(duet, operator))
            assert browser.get("/account").status_code == 303
        assert forger.counts(forger.token)


def test_s33_unknown_fields_give_nobody_rights(duet: Running) -> None:
    """Unknown fields are refused by the API and ignored in forms, and they make or change no account."""
    wishes = {"roles": ["admin"], "_id": "1", "id": "1", "is_active": True, "is_email_verified": True}
    wishes |= {"password_hash": "x", "rights_version": 99, "__proto__": {"roles": ["admin"]}}
    email = new_address()
    for name, value in wishes.items():
        answer = post(duet, "/api/users", json={"email": email, "password": PASSWORD, name: value})
        assert answer.status_code == 422, name
    with Browser(duet.url, verify=False) as browser, ApiClient(duet.url, verify=False) as api:
        plain = {name: json.dumps(value) for name, value in wishes.items()}
        answer = browser.submit(
            "/register", email=email, password=PASSWORD, **{**plain, "name": "x", "roles": "admin"}
        )
        assert answer.status_code == 303
        assert browser.log_in(email).status_code == 303
        browser.submit("/account", **{**plain, "name": "y", "roles": "admin"})
        api.log_in(email)
        for name, value in wishes.items():
            assert api.patch("/api/users/me", json={"name": "z", name: value}).status_code == 422
        me = api.get("/api/users/me").json()
        assert (me["roles"], me["name"], me["is_email_verified"]) == ([], "y", False)
        assert browser.get("/admin").status_code in (403, 404)


# 34: one address


def _password(number: int) -> str:
    """A password that holds no words, so judging it takes a third of what a sentence takes."""
    return f"kqzvxwptjhbm{number:03}"


def test_s34_a_hundred_registrations_of_an_address_give_one_account(duet: Running) -> None:
    """A hundred registrations in all spellings, on page and API and by invitation, at once, give one account."""
    wide = "".join(chr(ord(char) + 0xFEE0) for char in "ada.lovelace")
    spellings = [
        "ada.lovelace@xn--bcher-kva.example",
        "Ada.Lovelace@bücher.example",
        "ADA.LOVELACE@BÜCHER.EXAMPLE",
        f"{wide}@bücher.example",
        "  ada.lovelace@bu\u0308cher.example ",
    ]
    with (
        Browser(duet.url, verify=False, timeout=60) as browser,
        httpx.Client(transport=Wire(), timeout=60) as client,
    ):
        token = browser.csrf_token("/register")

        def register(number: int) -> int:
            fields = {"email": spellings[number % len(spellings)], "password": _password(number), "name": ""}
            if number % 2:
                return client.post(f"{duet.url}/api/users", json=fields).status_code
            return browser.post("/register", data={**fields, "csrf_token": token}).status_code

        with ThreadPoolExecutor(32) as pool:
            statuses = list(pool.map(register, range(100)))
    counted = Counter(statuses)
    assert counted[201] + counted[303] == 1, counted
    assert set(counted) <= {201, 303, 409, 422, 503}  # 503: the machine is too busy
    duet.make_user("chief@example.com", roles=["admin"])
    with ApiClient(duet.url, verify=False) as api:
        api.log_in("chief@example.com")
        assert len(api.get("/api/admin/users").json()["items"]) == 2
        assert api.post("/api/admin/invites", json={"email": spellings[2]}).status_code in (409, 422)
    [won] = [number for number, status in enumerate(statuses) if status in (201, 303)]
    for spelling in spellings:
        assert try_api(duet, spelling, _password(won)).status_code == 200
        assert try_api(duet, spelling, _password((won + 1) % 100)).status_code == 400
