"""Builds the API: FastAPI with Duet's and the team's routes, each behind its policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from app.api import fastapi_names, swagger_ui_names
from app.api.description import complete
from app.api.errors import errors
from app.api.guard.guard import Slashes
from app.api.guard.including import adopt, include
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
from app.auth.policy import Covered, PolicyError, Root, Rule
from app.extension import Claims, Extension
from app.paths import API

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
    api.router.default = Slashes(api.router)
    rules = [rule for router in _OWN for rule in adopt(api, router, prefix=API, clock=clock)]
    roots: list[Root] = []
    owners: dict[str, Extension] = {}
    for extension in extensions:
        for router in extension.routers:
            _claim(claims, router.prefix, extension.name)
            owners[f"{API}{router.prefix}"] = extension
            around = extension.policy_around(router.prefix)
            added = include(api, router, prefix=API, clock=clock, around=around)
            rules += added.rules
            roots += added.roots
    errors.add_team_handlers(api, owners)
    api.rules = rules
    return Covered(api, tuple(rules), tuple(roots))


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
            complete(super().openapi(), self.rules)
        return self.openapi_schema or {}
