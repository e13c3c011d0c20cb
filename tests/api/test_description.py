"""The OpenAPI description is complete and true of what is refused. It also serves as a list of all body fields."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from app.auth.policy import Rule
from tests.api.answers import oauth_error, plain, pointers, problem
from tests.kit.duet import PASSWORD, ApiClient, Running

#: Values that no field of any body accepts: MongoDB's operators, and values of other types.
OPERATORS: Final = [{"$ne": None}, {"$gt": ""}, {"$regex": ".*"}, [{"$ne": None}]]


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, address and description of each operation."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), f"/api{path}", operation


@pytest.fixture(scope="module")
def description(shared: Running) -> dict[str, Any]:
    """What `/api/openapi.json` answers."""
    body: dict[str, Any] = plain.get(f"{shared.url}/api/openapi.json").json()
    return body


def test_every_operation_is_described(description: dict[str, Any]) -> None:
    """Each has a tag, a summary, a sentence, and a schema for every body that it answers with."""
    found = list(operations(description))
    assert len(found) > 30
    for method, path, operation in found:
        where = f"{method} {path}"
        assert len(operation["tags"]) == 1, where
        assert operation["summary"], where
        assert "." in operation["description"], where
        for status, answer in operation["responses"].items():
            [(kind, content)] = answer.get("content", {"none": {"schema": True}}).items()
            assert content.get("schema") or path == "/api/auth/revoke", f"{where} {status}"
            if status >= "400":
                expected = "json" if path.startswith("/api/auth/") else "problem+json"
                assert kind.removeprefix("application/") == expected, f"{where} {status}"


def test_the_description_says_who_may(shared: Running, description: dict[str, Any]) -> None:
    """Public operations ask for nothing, all others for a login, with the 401; a role and its 403 are named."""
    rules: dict[tuple[str, str], Rule] = {
        (method, rule.path): rule
        for rule in shared.app.state.rules
        for method in rule.methods
        if rule.half == "api"
    }
    for method, path, operation in operations(description):
        policy = rules[method, path].policy
        where = f"{method} {path}"
        assert ("security" in operation) != policy.is_public, where
        assert ("401" in operation["responses"]) != policy.is_public, where
        if policy.role:
            assert f"role {policy.role}" in operation["description"], where
            assert f"role {policy.role}" in operation["responses"]["403"]["description"], where


def _bodies(description: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Method, address, field and an otherwise plausible body, for each field of each JSON body."""
    schemas = description["components"]["schemas"]
    for method, path, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        schema = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        assert schema["additionalProperties"] is False, f"{method} {path} takes unknown fields"
        usual = {name: _plausible(name) for name in schema.get("required", [])}
        for field in schema["properties"]:
            yield method, path, field, usual


def _plausible(name: str) -> Any:
    return "ada@example.com" if name == "email" else PASSWORD


def test_no_field_of_any_body_takes_an_operator(shared: Running, description: dict[str, Any]) -> None:
    """`{"$ne": null}` is refused in each field, at its place, even for an admin with a recent login (item 33)."""
    shared.make_user("chief@example.com", roles=["admin"])
    count = itertools.count()
    with ApiClient(shared.url, verify=False) as client:
        client.log_in("chief@example.com")
        for method, path, field, usual in _bodies(description):
            for operator in OPERATORS:
                answer = client.request(
                    method, path.replace("{", "").replace("}", ""), json={**usual, field: operator}
                )
                _is_refused(answer, field)
                next(count)
        assert client.get("/api/users/me").json()["name"] == "Ada"
    assert next(count) > 60


def _is_refused(answer: httpx.Response, field: str) -> None:
    if answer.url.path.startswith("/api/auth/"):
        assert field in oauth_error(answer, "invalid_request")["error_description"]
    else:
        assert {pointer.split("/")[1] for pointer in pointers(answer)} == {field}


def test_no_query_takes_an_operator(shared: Running, description: dict[str, Any]) -> None:
    """`limit[$ne]=` and the like are unknown parameters, and are refused."""
    shared.make_user("boss@example.com", roles=["admin"])
    with ApiClient(shared.url, verify=False) as client:
        client.log_in("boss@example.com")
        for method, path, operation in operations(description):
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    problem(client.request(method, path, params={f"{parameter['name']}[$ne]": ""}), 422)


def test_the_bounds_of_roles_are_those_of_the_rule(shared: Running, description: dict[str, Any]) -> None:
    """As many and as long roles as the description allows are taken, and one more or one longer is not."""
    schemas = description["components"]["schemas"]
    roles = schemas["NewInvite"]["properties"]["roles"]
    [of_change, _] = schemas["RightsChange"]["properties"]["roles"]["anyOf"]
    assert (roles["maxItems"], roles["items"]) == (of_change["maxItems"], of_change["items"])
    length, most = roles["items"]["maxLength"], roles["maxItems"]
    longest = [f"r{number}".ljust(length, "x") for number in range(most)]
    assert all(re.fullmatch(roles["items"]["pattern"], role) for role in longest)
    admin = shared.make_user("roles@example.com", roles=("admin",))
    with ApiClient(shared.url) as api:
        api.log_in(admin.email)
        refused = ([*longest, "one"], [f"{longest[0]}x"], ["Editor"])
        for given, status in ((longest, 201), *((each, 422) for each in refused)):
            answer = api.post("/api/admin/invites", json={"roles": given, "expires_in_days": 7.0})
            assert answer.status_code == status, answer.text
