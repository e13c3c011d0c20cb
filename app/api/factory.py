"""Builds the API: FastAPI with Duet's and the team's routes, each behind its policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from app.api import errors, fastapi_names, swagger_ui_names
from app.api.guard import adopt, include
from app.api.problems import PROBLEM_JSON
from app.api.routers import (
    admin,
    audit,
    documentation,
    introspection,
    personal_tokens,
    recovery,
    sessions,
    tokens,
    users,
)
from app.auth.clock import Clock
from app.auth.models import READ, WRITE
from app.auth.policy import PUBLIC, Covered, PolicyError, Rule
from app.extension import Claims, Extension
from app.paths import API

_PROBLEM_JSON: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
_PROBLEM: Final = {PROBLEM_JSON: _PROBLEM_JSON}
_OAUTH: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}}
_SCOPES: Final = {
    READ: "Read what you may read.",
    WRITE: "Change what you may change. This includes reading.",
}
_OWN: Final[tuple[APIRouter, ...]] = (
    tokens.router,
    introspection.router,
    recovery.router,
    users.router,
    sessions.router,
    personal_tokens.router,
    admin.router,
    audit.router,
    documentation.router,
)


def create_api(*, version: str, clock: Clock, extensions: Sequence[Extension]) -> Covered[FastAPI]:
    """Returns the API and its rows of the policy's table.

    Raises:
        PolicyError: a route can't be protected, or an extension's prefix is taken.
        PackageUnfit: FastAPI or Swagger UI lacks a name that this needs.
    """
    fastapi_names.check()
    swagger_ui_names.check()
    api = _Api(version=version)
    errors.add_handlers(api)
    claims = Claims(API, ("auth", "users", "admin", "docs", "openapi.json"))
    rules = [rule for router in _OWN for rule in adopt(api, router, prefix=API, clock=clock)]
    for extension in extensions:
        for router in extension.routers:
            _claim(claims, router.prefix, extension.name)
            rules += include(api, router, prefix=API, clock=clock)
    api.rules = rules
    return Covered(api, tuple(rules))


def _claim(claims: Claims, prefix: str, name: str) -> None:
    if not prefix:
        raise PolicyError(f"extension {name}: its router needs a prefix, such as /{name}")
    if "{" in prefix.split("/")[1]:
        # The first route that matches answers, so such a route would also answer requests for other routes.
        raise PolicyError(f"extension {name}: the prefix {API}{prefix} must begin with a fixed word")
    claims.claim(prefix, name)


class _Api(FastAPI):
    """FastAPI with an OpenAPI description, and without any route that the policy's table does not name."""

    rules: Sequence[Rule] = ()

    def __init__(self, *, version: str) -> None:
        super().__init__(
            title="Duet",
            version=version,
            description="One login for the API and the pages. Authorize with your email address and password.",
            servers=[{"url": API}],
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )

    def openapi(self) -> dict[str, Any]:
        """Returns the description, with the ways to log in for every operation that is not public."""
        if self.openapi_schema is None:
            schema = super().openapi()
            token_url = f"{API}/auth/token"
            flow = {"tokenUrl": token_url, "refreshUrl": token_url, "scopes": _SCOPES}
            schema.setdefault("components", {})["securitySchemes"] = {
                "login": {"type": "oauth2", "flows": {"password": flow}},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or a personal access token (`duet_pat_…`).",
                },
            }
            for rule in self.rules:
                _describe(schema, rule)
            _describe_refusals(schema)
        return self.openapi_schema or {}


def _describe(schema: dict[str, Any], rule: Rule) -> None:
    """Adds to each operation of `rule` what its policy requires, and its refusals."""
    path, policy = rule.path.removeprefix(API), rule.policy
    content = _OAUTH if path.startswith("/auth/") else _PROBLEM
    for method in rule.methods:
        operation = schema["paths"].get(path, {}).get(method.lower())
        if operation is None or policy == PUBLIC:
            continue
        operation["security"] = [{"login": []}, {"token": []}]  # either
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
