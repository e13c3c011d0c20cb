"""Keeps what Duet gives all templates from being replaced by a team's context processors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Set
from typing import Any, Final

import structlog
from flask import Flask

from app.auth.policy import name_of
from app.web.flask_names import Hook
from app.web.team.hooks import package_of

#: What every template gets from Duet. A team's context processors can't replace it.
OWN_VARIABLES: Final = frozenset(
    {"product", "person", "nav_links", "drawn_for", "csrf_token", "csrf_meta_tag", "request", "session", "g"}
)

log = structlog.get_logger(__name__)


def keep_own_variables(app: Flask, hooks: Iterable[Hook], owner: str) -> None:
    """Keeps what Duet gives all templates from being replaced by context processors among `hooks`.

    Which names these return is only known when they run, so that is when theirs are dropped, and the log says so.
    """
    own = OWN_VARIABLES | app.jinja_env.globals.keys()
    for hook in hooks:
        # Flask gives each blueprint one of its own.
        if hook.kind == "context_processor" and package_of(hook.function) != "flask":
            functions = app.template_context_processors[hook.scope]
            functions[functions.index(hook.function)] = _without(own, hook.function, owner)


def _without(names: Set[str], function: Callable[[], Any], owner: str) -> Callable[[], Any]:
    told: set[str] = set()

    @functools.wraps(function)
    def processor() -> Any:
        values = function()
        taken = names & values.keys() if isinstance(values, dict) else set()
        if not taken:
            return values
        if not taken <= told:  # once, and not for each page
            told.update(taken)
            log.error("template_variables_taken", owner=owner, hook=name_of(function), names=sorted(taken))
        return {name: value for name, value in values.items() if name not in taken}

    return processor
