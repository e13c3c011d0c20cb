"""Watches what an extension registers with Flask: it replaces nothing, and nothing of it is ignored."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flask import Flask
from flask_wtf.csrf import CSRFError

from app.auth.errors import AuthError
from app.auth.policy import PolicyError, attribute, name_of, refuse_marks
from app.web.flask_names import Hook, handlers_of, hooks_of, receivers_of

#: Attributes of the app that a team may replace: they only make answers, or are for its tests. How sessions are
#: kept is checked with the settings (`Pages.check_unchanged`).
_REPLACEABLE: Final = frozenset(
    {
        "aborter",
        "aborter_class",
        "json",
        "json_provider_class",
        "logger",
        "name",
        "response_class",
        "session_interface",
    }
    | {"test_cli_runner_class", "test_client_class"}
)
#: What Flask calls for each request, before the policy is asked, or to ask it.
_AROUND: Final = ("wsgi_app", "request_context", "preprocess_request", "full_dispatch_request")
#: How many decorators and partials are looked through.
_LAYERS: Final = 50


class Kept:
    """What an app has before an extension registers anything: Duet's, and that of other extensions."""

    def __init__(self, app: Flask) -> None:
        _ = app.jinja_loader  # Flask makes it when it is asked for, and it shall not look like a new one
        self._app = app
        self._tables = {what: dict(table) for what, table in _tables_of(app)}
        self._attributes = dict(vars(app))
        self._hooks = set(map(_key, hooks_of(app)))

    def check(self, owner: str) -> list[Hook]:
        """Returns what `owner`, the extension for messages, has registered since.

        Raises:
            PolicyError: something was replaced or taken away; or a new hook is `async` or carries a marker.
        """
        self._refuse_replaced_attributes(owner)
        for what, table in _tables_of(self._app):
            self._refuse_replaced(what, table, owner)
        for kind, _ in handlers_of(self._app):
            if issubclass(kind, AuthError) and name_of(kind) not in self._tables["error handler"]:
                raise PolicyError(
                    f"{owner}: Duet answers a {kind.__name__}: handle it in the view or the blueprint"
                )
        hooks = list(hooks_of(self._app))
        if self._hooks - set(map(_key, hooks)):
            raise PolicyError(f"{owner}: it takes away a function that runs for every page")
        new = [hook for hook in hooks if _key(hook) not in self._hooks]
        for hook in new:
            _check(hook, owner)
        return new

    def _refuse_replaced_attributes(self, owner: str) -> None:
        """Refuses what would change how the app works: a wrapped `wsgi_app` would even run before the policy."""
        for name, value in vars(self._app).items():
            before = self._attributes.get(name, getattr(type(self._app), name, value))
            if value is not before and name not in _REPLACEABLE:
                raise PolicyError(
                    f"{owner}: it replaces {name} of the Flask app, which would run before the policy, or in "
                    "place of what Duet needs. There are before_request, after_request and the like"
                )

    def _refuse_replaced(self, what: str, table: Mapping[str, Any], owner: str) -> None:
        for name, before in self._tables[what].items():
            if table.get(name) is not before:
                raise PolicyError(f"{owner}: it replaces the {what} {name}, which is there already")


def check_hooks(app: Flask) -> None:
    """Looks once more at everything that Flask calls, before the first request.

    Raises:
        PolicyError: something that was added meanwhile is `async`, carries a marker, or goes around the policy.
    """
    for name in vars(app):
        if name in _AROUND:
            raise PolicyError(f"pages: {name} of the Flask app was replaced, which would run before the policy")
    for hook in hooks_of(app):
        _check(hook, "pages")


def _key(hook: Hook) -> tuple[str, str | None, int]:
    return hook.kind, hook.scope, id(hook.function)


def _tables_of(app: Flask) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields what several owners put their things into, each by a name."""
    yield "template filter", app.jinja_env.filters
    yield "template test", app.jinja_env.tests
    yield "template global", app.jinja_env.globals
    yield "template loader", {"of all pages": app.jinja_env.loader}
    yield "view", app.view_functions
    yield "URL converter", app.url_map.converters
    yield "error handler", {name_of(kind): one for kind, one in handlers_of(app)}
    yield "Flask extension", app.extensions
    yield "rule for hosts", {"of all pages": app.url_map.host_matching}


def refuse_receivers(app: Flask, functions: Iterable[Any], owner: str) -> None:
    """Refuses handlers of signals that run for `app` although it has nothing of a team's: for refusals.

    Args:
        app: the app that answers refusals.
        functions: others of the same extension, whose packages are its own.
        owner: the extension, for messages.

    Raises:
        PolicyError: such a handler lies in one of these packages: it was connected with every app.
    """
    packages = set(map(package_of, functions))
    for receiver in receivers_of(app):
        if package_of(receiver) in packages:
            raise PolicyError(
                f"{owner}: {name_of(receiver)} would get the signals of refused callers, too: connect it with the "
                "app alone, in init_app: signal.connect(function, app)"
            )


def package_of(function: Any) -> str:
    """Returns the package in which a function was defined."""
    return str(attribute(function, "__module__")).partition(".")[0]


def _check(hook: Hook, owner: str) -> None:
    name = name_of(hook.function, short=True)
    if is_async(hook.function):
        pages = hook.scope or "every page"
        raise PolicyError(f"pages: {name}, a hook of {pages}, can't be async: it is a {hook.kind} of {owner}")
    refuse_marks(hook.function, name=f"{owner}: its {hook.kind} {name}")


def is_async(function: Any) -> bool:
    """Tells whether `function`, or what it wraps, is `async`.

    Flask runs such a function on a loop of its own, where the server's drivers break, or never runs it.
    """
    for _ in range(_LAYERS):
        if function is None:
            return False
        if _is_async(function) or _is_async(attribute(type(function), "__call__")):
            return True
        is_partial = issubclass(type(function), functools.partial)
        function = function.func if is_partial else _wrapped_by(function)
    return False


def _is_async(function: Any) -> bool:
    try:
        return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    except Exception:  # a proxy of a request, which is none
        return False


def _wrapped_by(function: Any) -> Any:
    return attribute(function, "__wrapped__") or attribute(function, "__func__")


def own_refusals(app: Flask) -> None:
    """Keeps handlers of a blueprint for any exception from answering what only Duet can answer: refusals.

    A view or a form may refuse somebody whom the policy let in. Flask asks the blueprint's handlers first, and of
    these the one that is nearest to the error's kind.
    """
    own = {kind: one for kind, one in app.error_handler_spec[None][None].items() if kind in (AuthError, CSRFError)}
    for scope, by_code in app.error_handler_spec.items():
        if scope is not None:
            for kind, one in own.items():
                by_code[None].setdefault(kind, one)
