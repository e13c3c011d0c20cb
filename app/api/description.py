"""Completes the OpenAPI description: what the policy asks of callers, and the refusals as they are here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from app.api.errors.problems import PROBLEM_JSON
from app.auth.models import READ, WRITE
from app.auth.policy import PUBLIC, Rule
from app.paths import API

_PROBLEM_JSON: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
_PROBLEM: Final = {PROBLEM_JSON: _PROBLEM_JSON}
_OAUTH: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}}
_SCOPES: Final = {
    READ: "Read what you may read.",
    WRITE: "Change what you may change. This includes reading.",
}
_TOKEN_URL: Final = f"{API}/auth/token"
#: Duet's own ways to log in. Either will do.
_SCHEMES: Final = {
    "login": {
        "type": "oauth2",
        "flows": {"password": {"tokenUrl": _TOKEN_URL, "refreshUrl": _TOKEN_URL, "scopes": _SCOPES}},
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token, or a personal access token (`duet_pat_…`).",
    },
}


def complete(schema: dict[str, Any], rules: Iterable[Rule]) -> dict[str, Any]:
    """Adds to FastAPI's description what `rules` say. Returns it."""
    _add_schemes(schema)
    for rule in rules:
        _describe(schema, rule)
    _describe_refusals(schema)
    return schema


def _add_schemes(schema: dict[str, Any]) -> None:
    """Adds Duet's ways to log in to those that a team's own dependencies declare.

    One of theirs that has a name of Duet's gets another.
    """
    schemes: dict[str, Any] = schema.setdefault("components", {}).setdefault("securitySchemes", {})
    renamed = {name: f"{name}-of-extension" for name in schemes if name in _SCHEMES}
    for name, new in renamed.items():
        schemes[new] = schemes.pop(name)
    for operation in _operations(schema) if renamed else ():
        if asked := operation.get("security"):
            operation["security"] = [{renamed.get(name, name): one[name] for name in one} for one in asked]
    schemes.update(_SCHEMES)


def _operations(schema: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return (operation for operations in schema["paths"].values() for operation in operations.values())


def _describe(schema: dict[str, Any], rule: Rule) -> None:
    """Adds to each operation of `rule` what its policy requires, and its refusals."""
    # OpenAPI knows no converters: `{sub:path}` is `{sub}` there.
    path, policy = re.sub(r":[^{}]+\}", "}", rule.path.removeprefix(API)), rule.policy
    content = _OAUTH if path.startswith("/auth/") else _PROBLEM
    for method in rule.methods:
        operation = schema["paths"].get(path, {}).get(method.lower())
        if operation is None or policy == PUBLIC:
            continue
        # Either of ours. What a dependency of the team's asks for is asked in addition.
        theirs = {name: scopes for one in operation.get("security", ()) for name, scopes in one.items()}
        operation["security"] = [{name: [], **theirs} for name in _SCHEMES]
        operation["responses"]["401"] = {"description": "No token, or it does not count", "content": content}
        if policy.role or policy.fresh:
            own = operation["responses"].get("403")
            needs = f"Needs: {policy}" + (f"; {own['description']}" if own else "")
            operation["responses"]["403"] = {"description": needs, "content": content}
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds: {policy}.".lstrip()


def _describe_refusals(schema: dict[str, Any]) -> None:
    """Describes each refusal as it is here: not as FastAPI's own kind of 422, and with the right media type."""
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            if "422" in responses and path.startswith("/auth/"):
                del responses["422"]  # it is a 400 there
            elif "422" in responses:
                responses["422"] = {"description": "Invalid input: where, and why", "content": _PROBLEM}
            # The edge answers this before the route is asked, for example to a path with a control character.
            responses.setdefault("400", {"description": "The request is malformed", "content": _PROBLEM})
            if "requestBody" in operation:
                content = _OAUTH if path.startswith("/auth/") else _PROBLEM
                responses.setdefault("413", {"description": "The body is too large", "content": content})
            for response in responses.values():
                if response.get("content", {}).get("application/json") == _PROBLEM_JSON:
                    response["content"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"].get("schemas", {}).pop(name, None)
