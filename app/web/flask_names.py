"""The private names of Flask, and of Werkzeug below it, that Duet uses, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Flask, signals
from werkzeug.routing import BaseConverter, Rule

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "flask",
    # What runs for every page or for a blueprint's, by the blueprint's name. Flask calls them internal, and its
    # decorators only add to their ends. Duet mostly reads them: see `put_first` and `hooks_of`.
    "flask:Flask.before_request_funcs",
    "flask:Flask.after_request_funcs",
    "flask:Flask.teardown_request_funcs",
    "flask:Flask.teardown_appcontext_funcs",
    "flask:Flask.url_value_preprocessors",
    "flask:Flask.url_default_functions",
    "flask:Flask.template_context_processors",
    "flask:Flask.error_handler_spec",
    "flask:Blueprint.deferred_functions",
    "flask:Blueprint._blueprints",
    # The views by their endpoints. Flask calls this internal, too. Duet only reads it: each view needs a policy.
    "flask:Flask.view_functions",
    # Holds the class from which Flask made a view function. `app.auth.policy` and `app.bridge`, which do not know
    # Flask, look for markers on the class, and for `async` methods in it.
    "flask.views:View.view_class",
    # Where a request is matched with a view. Flask calls it once more than it promises: see `app.web.guard`.
    "flask.ctx:RequestContext.match_request",
    # What converts the parts of a path, by rule: see `app.web.converters`.
    "werkzeug.routing:Rule._converters",
)
_BY_BLUEPRINT: Final = (
    ("before_request", "before_request_funcs"),
    ("after_request", "after_request_funcs"),
    ("teardown_request", "teardown_request_funcs"),
    ("url_value_preprocessor", "url_value_preprocessors"),
    ("url_defaults", "url_default_functions"),
    ("context_processor", "template_context_processors"),
)
_OF_THE_APP: Final = (
    ("teardown_appcontext", "teardown_appcontext_funcs"),
    ("shell_context_processor", "shell_context_processors"),
    ("url_build_error_handler", "url_build_error_handlers"),
)
_OF_TEMPLATES: Final = (
    ("template filter", "filters"),
    ("template test", "tests"),
    ("template global", "globals"),
)
_SIGNALS: Final = (
    signals.appcontext_pushed,
    signals.appcontext_popped,
    signals.appcontext_tearing_down,
    signals.before_render_template,
    signals.got_request_exception,
    signals.message_flashed,
    signals.request_finished,
    signals.request_started,
    signals.request_tearing_down,
    signals.template_rendered,
)


@dataclass(frozen=True, slots=True)
class Hook:
    """Something that Flask calls besides views.

    Args:
        kind: what it is, as Flask's decorators call it.
        scope: the blueprint for whose pages it runs, or None for every page.
        function: what is called.
    """

    kind: str
    scope: str | None
    function: Any


def put_first(app: Flask, function: Callable[[], Any]) -> None:
    """Makes `function` the first that runs before every view of `app`, even if others were added already."""
    app.before_request_funcs.setdefault(None, []).insert(0, function)


def wrap_teardowns(app: Flask, wrap: Callable[[Any], Any]) -> None:
    """Puts what `wrap` makes of it in the place of each function that runs when a request is over."""
    for functions in (*app.teardown_request_funcs.values(), app.teardown_appcontext_funcs):
        functions[:] = map(wrap, functions)


def hooks_of(app: Flask) -> Iterator[Hook]:
    """Yields everything that Flask calls for `app` besides its views."""
    for kind, registry in _BY_BLUEPRINT:
        for scope, functions in getattr(app, registry).items():
            yield from (Hook(kind, scope, function) for function in functions)
    for scope, by_code in app.error_handler_spec.items():
        for handlers in by_code.values():
            yield from (Hook("error handler", scope, function) for function in handlers.values())
    for kind, registry in _OF_THE_APP:
        yield from (Hook(kind, None, function) for function in getattr(app, registry))
    for kind, registry in _OF_TEMPLATES:
        yield from (Hook(kind, None, function) for function in getattr(app.jinja_env, registry).values())
    yield from (Hook("command", None, function) for function in _callbacks(app.cli))
    yield from (Hook("signal handler", None, function) for function in receivers_of(app))


def handlers_of(app: Flask) -> Iterator[tuple[type[Exception], Any]]:
    """Yields the error handlers of every page, each with the kind of error that it answers."""
    for handlers in app.error_handler_spec[None].values():
        yield from handlers.items()


def _callbacks(command: Any) -> Iterator[Any]:
    if command.callback is not None:
        yield command.callback
    for inner in getattr(command, "commands", {}).values():
        yield from _callbacks(inner)


def receivers_of(app: Flask) -> Iterator[Any]:
    """Yields what Flask's signals call for `app`, also where it was connected with every app."""
    for signal in _SIGNALS:
        if signal.receivers:
            yield from signal.receivers_for(app)


def inner_blueprints(blueprint: Blueprint) -> Iterator[Blueprint]:
    """Yields the blueprints that were registered with `blueprint`, at any depth."""
    for inner, _ in blueprint._blueprints:
        assert isinstance(inner, Blueprint)
        yield inner
        yield from inner_blueprints(inner)


def setup_functions_of(blueprint: Blueprint) -> Iterator[Any]:
    """Yields what Flask calls when it registers `blueprint` or one of those inside it."""
    for one in (blueprint, *inner_blueprints(blueprint)):
        yield from one.deferred_functions


def converters_of(rule: Rule) -> dict[str, BaseConverter]:
    """Returns what converts the parts of a path, by their names. A change has effect."""
    return rule._converters
