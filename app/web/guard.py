"""Applies the policy to every page: builds the table by endpoint, and decides before a view runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from flask import Flask, request
from werkzeug.exceptions import HTTPException

from app.auth.errors import TokenMissing
from app.auth.policy import PUBLIC, Caller, Policy, PolicyError, Rule, decide, policy_of
from app.scope import CALLER, IN_ENVIRON, ROUTE, SAFE_METHODS
from app.web.context import begin_visit, duet, get_auth
from app.web.cookies import keep_login, own_origins
from app.web.errors import ForeignOrigin
from app.web.flask_names import hooks_of, put_first

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


def build_table(app: Flask) -> tuple[dict[str, Policy], list[Rule]]:
    """Returns the policy of every endpoint of `app`, and the rows of the table.

    Raises:
        PolicyError: an endpoint has no view or an `async` one, a hook is `async`, a marker does not reach its
            endpoint, or two endpoints answer the same call.
    """
    _refuse_async_hooks(app)
    policies: dict[str, Policy] = {}
    rules: list[Rule] = []
    taken: dict[tuple[str, str], str] = {}
    for url_rule in app.url_map.iter_rules():
        name = f"page {url_rule.rule} ({url_rule.endpoint})"
        view = app.view_functions.get(url_rule.endpoint)
        if view is None:
            raise PolicyError(f"{name}: it has no view, so no policy covers it")
        if any(map(inspect.iscoroutinefunction, _functions_of(view))):
            # It would run on its own event loop, where drivers that belong to the server's loop break.
            raise PolicyError(f"{name}: a view can't be async; let it call wait() instead")
        # Flask adds OPTIONS to every rule, so two views of one path may share it.
        methods = tuple(sorted((url_rule.methods or set()) - {"OPTIONS"}))
        for method in methods:
            other = taken.setdefault((_pattern(url_rule.rule), method), url_rule.endpoint)
            if other != url_rule.endpoint:
                raise PolicyError(f"{name}: {other} answers {method} there already")
        policy = PUBLIC if _is_static(app, url_rule.endpoint) else policy_of(view, name=name)
        policies[url_rule.endpoint] = policy
        rules.append(Rule("page", url_rule.rule, methods, url_rule.endpoint, policy))
    return policies, rules


def _functions_of(view: Any) -> Iterator[Any]:
    """Yields what Flask or a decorator calls for `view`: what it wraps, and the methods of its class."""
    yield inspect.unwrap(view)
    view_class = getattr(view, "view_class", None)
    for name in ("dispatch_request", *_METHODS):
        yield inspect.unwrap(getattr(view_class, name, _nothing))


def _nothing() -> None: ...


def _refuse_async_hooks(app: Flask) -> None:
    for owner, function in hooks_of(app):
        if inspect.iscoroutinefunction(inspect.unwrap(function)):
            name = getattr(function, "__qualname__", repr(function))
            raise PolicyError(f"pages: {name}, a hook of {owner or 'every page'}, can't be async")


def _pattern(path: str) -> str:
    """Returns the path without the names of its variables: `/<int:a>` and `/<int:b>` match the same paths."""
    return re.sub(r"<(?:([^<>:]+):)?[^<>]+>", r"<\1>", path)


def _is_static(app: Flask, endpoint: str) -> bool:
    """Tells whether Flask made `endpoint` for a static folder. A view that merely has such a name is none."""
    owner_name, _, view_name = endpoint.rpartition(".")
    owner = app.blueprints.get(owner_name) if owner_name else app
    return view_name == "static" and owner is not None and owner.has_static_folder


def check_sealed(app: Flask, rules: Sequence[Rule]) -> None:
    """Raises `PolicyError`, which names the page, if `app` has one that was added too late for the table."""
    known = {(rule.path, rule.endpoint) for rule in rules}
    for url_rule in app.url_map.iter_rules():
        if (url_rule.rule, url_rule.endpoint) not in known:
            raise PolicyError(
                f"page {url_rule.rule} ({url_rule.endpoint}): it was added beside the policy's table"
            )


def guard(app: Flask) -> list[Rule]:
    """Puts the policy before every view of `app`, which has all its views. Returns the rows of the table."""
    policies, rules = build_table(app)
    # It comes first, before what extensions do before a request.
    put_first(app, lambda: _admit(policies))
    return rules


def _admit(policies: Mapping[str, Policy]) -> None:
    """Admits the request, or raises the `AuthError` that refuses it."""
    scope: dict[str, Any] = request.environ.get(IN_ENVIRON, {})
    caller: Caller = scope.get(CALLER) or Caller(error=TokenMissing())
    if caller.renewed is not None:
        keep_login(caller.renewed)
    visit = begin_visit(caller)
    if request.url_rule is None or isinstance(request.routing_exception, HTTPException):
        return  # a 404 or 405 for everyone
    scope[ROUTE] = request.url_rule.rule
    writes = request.method not in SAFE_METHODS
    if writes:
        _refuse_foreign_origin()
    # A row can't be missing after the start. If one is, the lookup fails and nobody enters.
    policy = policies[request.url_rule.endpoint]
    visit.principal = decide(policy, caller, get_auth().clock.now(), writes=writes)


def _refuse_foreign_origin() -> None:
    """Refuses a write that another site's page caused (OWASP ASVS V3.5.1), before its CSRF token is checked."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise ForeignOrigin()
    origin = request.headers.get("Origin")
    if origin is None:
        return
    own = own_origins(duet().public_url, scheme=request.scheme, host=request.host)
    if origin.lower() not in own:  # 'null' is refused, too: a sandboxed frame sends it
        raise ForeignOrigin()
