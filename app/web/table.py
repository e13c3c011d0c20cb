"""The table of all pages: each view with its policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from flask import Flask
from werkzeug.routing import Rule as PathRule

from app.auth.policy import PUBLIC, Policy, PolicyError, Rule, policy_of
from app.web.team import check_hooks, is_async

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")

#: Returns the policy that an extension gave to all endpoints of a blueprint, by the endpoint of one of them.
Around = Callable[[str], Policy | None]


def build_table(app: Flask, around: Around) -> tuple[dict[str, Policy], list[Rule]]:
    """Returns the policy of every endpoint of `app`, and the rows of the table.

    Raises:
        PolicyError: an endpoint has no view or an `async` one, would never be reached, or would answer before the
            policy; a marker does not reach its endpoint; or two endpoints answer the same call.
    """
    policies: dict[str, Policy] = {}
    rules: list[Rule] = []
    taken: dict[tuple[str, str], str] = {}
    for url_rule in app.url_map.iter_rules():
        name = f"page {url_rule.rule} ({url_rule.endpoint})"
        view = app.view_functions.get(url_rule.endpoint)
        if view is None:
            raise PolicyError(f"{name}: it has no view, so no policy covers it")
        if any(map(is_async, _functions_of(view))):
            # It would run on its own event loop, where drivers that belong to the server's loop break.
            raise PolicyError(f"{name}: a view can't be async; let it call wait() instead")
        _refuse_odd(url_rule, name)
        # Flask adds OPTIONS to every rule, so two views of one path may share it.
        methods = tuple(sorted((url_rule.methods or set()) - {"OPTIONS"}))
        for method in methods:
            other = taken.setdefault((_pattern(url_rule.rule), method), url_rule.endpoint)
            if other != url_rule.endpoint:
                raise PolicyError(f"{name}: {other} answers {method} there already")
        is_file = _is_static(app, url_rule.endpoint)
        policy = PUBLIC if is_file else policy_of(view, name=name, around=around(url_rule.endpoint))
        policies[url_rule.endpoint] = policy
        rules.append(Rule("page", url_rule.rule, methods, url_rule.endpoint, policy))
    return policies, rules


def _functions_of(view: Any) -> Iterator[Any]:
    """Yields what Flask or a decorator calls for `view`: what it wraps, and the methods of its class."""
    yield view
    view_class = getattr(view, "view_class", None)
    for name in ("dispatch_request", *_METHODS):
        yield getattr(view_class, name, None)


def _refuse_odd(url_rule: PathRule, name: str) -> None:
    if url_rule.subdomain or url_rule.host:
        raise PolicyError(f"{name}: it would never be reached: Duet serves one host, so leave the subdomain out")
    if url_rule.redirect_to is not None:
        raise PolicyError(f"{name}: redirect_to would answer before the policy: let the view redirect")


def _pattern(path: str) -> str:
    """Returns the path without the names of its variables: `/<int:a>` and `/<int:b>` match the same paths."""
    return re.sub(r"<(?:([^<>:]+):)?[^<>]+>", r"<\1>", path)


def _is_static(app: Flask, endpoint: str) -> bool:
    """Tells whether Flask made `endpoint` for a static folder. A view that merely has such a name is none."""
    owner_name, _, view_name = endpoint.rpartition(".")
    owner = app.blueprints.get(owner_name) if owner_name else app
    return view_name == "static" and owner is not None and owner.has_static_folder


def check_sealed(app: Flask, rules: Sequence[Rule]) -> None:
    """Raises `PolicyError`, which names the page or the hook, if `app` has one that was added too late."""
    known = {(rule.path, rule.endpoint) for rule in rules}
    for url_rule in app.url_map.iter_rules():
        if (url_rule.rule, url_rule.endpoint) not in known:
            raise PolicyError(
                f"page {url_rule.rule} ({url_rule.endpoint}): it was added beside the policy's table"
            )
    check_hooks(app)
